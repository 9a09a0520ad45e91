package speech

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// elements are those of SSML 1.1 that a document may have, and what stands for them in
// plain text, before and behind their content.
var elements = map[string]struct{ before, behind string }{
	"speak": {}, "p": {" ", "\n"}, "s": {" ", "\n"}, "break": {", ", ""}, "say-as": {}, "sub": {}, "emphasis": {},
	"prosody": {}, "phoneme": {}, "voice": {" ", " "}, "lang": {}, "w": {}, "token": {}, "mark": {}, "audio": {" ", " "}, "desc": {},
	"lexicon": {}, "lookup": {}, "meta": {}, "metadata": {},
}

// silent are elements whose content is not said.
var silent = map[string]bool{"desc": true, "metadata": true}

// plainText gives the text of an SSML document, or says what is wrong with the document
// and at which byte.
func plainText(ssml string) (string, error) {
	d := document{decoder: xml.NewDecoder(strings.NewReader(ssml))}
	for {
		token, err := d.decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && !d.seen:
			return "", unspeakable("SSML: there is no <speak> element")
		case errors.Is(err, io.EOF):
			return clean(d.text.String()), nil
		case err != nil:
			return "", d.wrong("%v", err)
		}
		if err := d.take(token); err != nil {
			return "", err
		}
	}
}

// document is an SSML document that is being read.
type document struct {
	decoder *xml.Decoder
	text    strings.Builder
	open    []string // elements
	skip    int      // how many of them are within one that is silent
	seen    bool     // there was an element
}

func (d *document) wrong(format string, args ...any) error {
	return unspeakable("SSML: "+format+fmt.Sprintf(", before byte %d", d.decoder.InputOffset()), args...)
}

func (d *document) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return d.start(t)
	case xml.EndElement: // the decoder has seen that it fits
		d.open = d.open[:len(d.open)-1]
		if d.skip > 0 {
			d.skip--
		} else {
			d.text.WriteString(elements[t.Name.Local].behind)
		}
	case xml.CharData:
		if len(d.open) == 0 && strings.TrimSpace(string(t)) != "" {
			return d.wrong("text outside of <speak>")
		}
		if d.skip == 0 {
			d.text.Write(t)
		}
	case xml.Directive:
		return d.wrong("<!...> is not taken")
	}
	return nil
}

func (d *document) start(t xml.StartElement) error {
	name := t.Name.Local
	element, known := elements[name]
	switch {
	case !known:
		return d.wrong("unknown element <%.40s>", name)
	case len(d.open) == 0 && (name != "speak" || d.seen):
		return d.wrong("<%s>: the document is one <speak> element", name)
	case len(d.open) > 0 && name == "speak":
		return d.wrong("<speak> within <%s>", d.open[len(d.open)-1])
	}
	d.seen, d.open = true, append(d.open, name)
	if d.skip > 0 || silent[name] {
		d.skip++
		return nil
	}
	d.text.WriteString(element.before)
	switch {
	case name == "sub" && attribute(t, "alias") != "":
		d.text.WriteString(attribute(t, "alias"))
		d.skip++
	case name == "say-as" && spelled[attribute(t, "interpret-as")]:
		return d.spell()
	}
	return nil
}

// spelled are the values of interpret-as whose text is said a character at a time.
var spelled = map[string]bool{"characters": true, "digits": true, "spell-out": true, "telephone": true}

// spell reads the text up to the end of the element and puts its characters apart.
func (d *document) spell() error {
	token, err := d.decoder.Token()
	text, ok := token.(xml.CharData)
	apart := strings.Join(strings.Split(strings.Join(strings.Fields(string(text)), ""), ""), " ") // before the next token takes its place
	if ok && err == nil {
		token, err = d.decoder.Token()
	}
	if _, end := token.(xml.EndElement); err != nil || !end {
		return d.wrong("<say-as> has more than text")
	}
	d.open = d.open[:len(d.open)-1]
	d.text.WriteString(" " + apart + " ")
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// inert are the elements, and their attributes, that a program is given: those that have
// no address of a file or of a server, which it might read.
var inert = map[string][]string{
	"speak": {"lang"}, "p": {"lang"}, "s": {"lang"}, "lang": {"lang"}, "voice": {"lang", "gender", "age", "variant", "name"},
	"break": {"time", "strength"}, "say-as": {"interpret-as", "format", "detail"}, "emphasis": {"level"},
	"prosody": {"pitch", "contour", "range", "rate", "duration", "volume"}, "phoneme": {"alphabet", "ph"}, "w": {}, "token": {},
}

// longestAttribute bounds the values that a program is given, in bytes.
const longestAttribute = 200

// harmless gives a document, which plainText takes, anew: with the elements and attributes
// that only say how something is to be spoken, and the text in the others.
func harmless(ssml string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(ssml))
	var b strings.Builder
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return b.String(), nil
		case err != nil:
			return "", unspeakable("SSML: %v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			alias := attribute(t, "alias")
			switch sub := t.Name.Local == "sub" && alias != ""; {
			case sub:
				_ = xml.EscapeText(&b, []byte(alias)) // to memory
				err = d.Skip()
			case silent[t.Name.Local]:
				err = d.Skip()
			default:
				writeInert(&b, t)
			}
		case xml.EndElement:
			if _, ok := inert[t.Name.Local]; ok {
				b.WriteString("</" + t.Name.Local + ">")
			}
		case xml.CharData:
			_ = xml.EscapeText(&b, t)
		}
		if err != nil {
			return "", unspeakable("SSML: %v", err)
		}
	}
}

func writeInert(b *strings.Builder, t xml.StartElement) {
	attributes, ok := inert[t.Name.Local]
	if !ok {
		return
	}
	b.WriteString("<" + t.Name.Local)
	for _, name := range attributes {
		value := attribute(t, name)
		if value == "" || len(value) > longestAttribute || strings.ContainsAny(value, `/\`) {
			continue
		}
		if name == "lang" {
			name = "xml:lang"
		}
		b.WriteString(" " + name + `="`)
		_ = xml.EscapeText(b, []byte(value)) // to memory
		b.WriteString(`"`)
	}
	b.WriteString(">")
}
