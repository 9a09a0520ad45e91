package speech

import (
	"encoding/xml"
	"errors"
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
	d := xml.NewDecoder(strings.NewReader(ssml))
	var text strings.Builder
	var open []string
	skip, seen := 0, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", unspeakable("SSML: %v, at byte %d", err, d.InputOffset())
		}
		switch t := token.(type) {
		case xml.StartElement:
			name := t.Name.Local
			element, known := elements[name]
			switch {
			case !known:
				return "", unspeakable("SSML: unknown element <%.40s> before byte %d", name, d.InputOffset())
			case len(open) == 0 && (name != "speak" || seen):
				return "", unspeakable("SSML: <%s> before byte %d: the document is one <speak> element", name, d.InputOffset())
			case len(open) > 0 && name == "speak":
				return "", unspeakable("SSML: <speak> within <%s> before byte %d", open[len(open)-1], d.InputOffset())
			}
			seen, open = true, append(open, name)
			if silent[name] || skip > 0 {
				skip++
				continue
			}
			text.WriteString(element.before)
			if alias := attribute(t, "alias"); name == "sub" && alias != "" {
				text.WriteString(alias)
				skip++
			}
			if as := attribute(t, "interpret-as"); name == "say-as" && (as == "characters" || as == "digits" || as == "spell-out" || as == "telephone") {
				spelled, err := spell(d)
				if err != nil {
					return "", err
				}
				text.WriteString(spelled)
				open = open[:len(open)-1]
			}
		case xml.EndElement:
			open = open[:len(open)-1]
			if skip > 0 {
				skip--
				continue
			}
			text.WriteString(elements[t.Name.Local].behind)
		case xml.CharData:
			switch {
			case len(open) == 0 && strings.TrimSpace(string(t)) != "":
				return "", unspeakable("SSML: text outside of <speak>, before byte %d", d.InputOffset())
			case skip == 0:
				text.Write(t)
			}
		case xml.Directive:
			return "", unspeakable("SSML: <!...> before byte %d is not taken", d.InputOffset())
		}
	}
	if !seen {
		return "", unspeakable("SSML: there is no <speak> element")
	}
	return clean(text.String()), nil
}

// spell reads the text up to the end of an element and puts its characters apart.
func spell(d *xml.Decoder) (string, error) {
	token, err := d.Token()
	text, ok := token.(xml.CharData)
	spelled := strings.Join(strings.Split(strings.Join(strings.Fields(string(text)), ""), ""), " ") // before the next token takes its place
	if ok && err == nil {
		token, err = d.Token()
	}
	if _, end := token.(xml.EndElement); err != nil || !end {
		return "", unspeakable("SSML: <say-as> has more than text, at byte %d", d.InputOffset())
	}
	return " " + spelled + " ", nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
