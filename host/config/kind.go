package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/host/admin"
)

// scalar is a kind of which each value is one text.
func scalar[V any](name string, parse func(text string) (V, error), show func(V) any) kind[V] {
	return kind[V]{name: name, show: show, read: func(r *reader, n *yaml.Node, key string) (V, bool) {
		var none V
		text, ok := r.text(n, key)
		if !ok {
			return none, false
		}
		v, err := parse(text)
		if err != nil {
			r.wrong(n, key, "%v", err)
			return none, false
		}
		return v, true
	}}
}

// boolean is true or false.
func boolean() kind[bool] {
	return scalar("true or false", func(text string) (bool, error) {
		switch text {
		case "true", "True", "TRUE":
			return true, nil
		case "false", "False", "FALSE":
			return false, nil
		}
		return false, fmt.Errorf("%q is neither true nor false: write one of them", text)
	}, func(v bool) any { return v })
}

// number is an integer between two.
func number(least, most int) kind[int] {
	return scalar(fmt.Sprintf("number, %d to %d", least, most), func(text string) (int, error) {
		v, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("%q is no whole number: write one from %d to %d", text, least, most)
		}
		if v < least || v > most {
			return 0, fmt.Errorf("%d is out of range: write a number from %d to %d", v, least, most)
		}
		return v, nil
	}, func(v int) any { return v })
}

// duration is a time between two. With orZero it may be 0, too, which says never
// or without limit.
func duration(least, most time.Duration, zero zeroTime) kind[time.Duration] {
	allowed := short(least) + " to " + short(most)
	if zero == orZero && least > 0 {
		allowed += ", or 0s"
	}
	return scalar("duration, "+allowed, func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if _, bare := strconv.ParseFloat(text, 64); err != nil && bare == nil {
			return 0, fmt.Errorf("%q has no unit: write %ss or %sms", text, text, text)
		}
		if err != nil {
			return 0, fmt.Errorf("%q is no duration: write one like 500ms, 1.5s, 10m or 1h", text)
		}
		if (d < least || d > most) && (d != 0 || zero != orZero) {
			return 0, fmt.Errorf("%s is out of range: write a duration of %s", text, allowed)
		}
		return d, nil
	}, func(d time.Duration) any { return short(d) })
}

// units of a size, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// size is a number of bytes between two, or 0, which says without limit.
func size(least, most int64) kind[int64] {
	allowed := fmt.Sprintf("%v to %v, or 0", shortSize(least), shortSize(most))
	return scalar("size, "+allowed, func(text string) (int64, error) {
		if text == "0" {
			return 0, nil
		}
		for _, u := range units {
			digits, ok := strings.CutSuffix(text, u.name)
			if !ok {
				continue
			}
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			if err != nil {
				break
			}
			if n > most/u.bytes || n*u.bytes < least {
				return 0, fmt.Errorf("%s is out of range: write a size of %s", text, allowed)
			}
			return n * u.bytes, nil
		}
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			return 0, fmt.Errorf("%q has no unit: write %sMiB or %sGiB", text, text, text)
		}
		return 0, fmt.Errorf("%q is no size: write a whole number of KiB, MiB, GiB or TiB, like 512MiB", text)
	}, shortSize)
}

// shortSize writes a size in the largest unit that it is a multiple of.
func shortSize(n int64) any {
	for _, u := range units {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return int(n)
}

// zeroTime says whether a duration may be 0 although it has a least value.
type zeroTime bool

const (
	orZero  zeroTime = true
	notZero zeroTime = false
)

// short writes a duration without units that are 0: 1h rather than 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// named is a word and what it stands for.
type named[V comparable] struct {
	word string
	v    V
}

// word is one of some words.
func word[V comparable](words ...named[V]) kind[V] {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.word
	}
	list := strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
	return scalar(list, func(text string) (V, error) {
		for _, w := range words {
			if w.word == text {
				return w.v, nil
			}
		}
		var none V
		if meant := nearest(text, all); meant != "" {
			return none, fmt.Errorf("%q is not known: did you mean %s?", text, meant)
		}
		return none, fmt.Errorf("%q is not known: write %s", text, list)
	}, func(v V) any {
		for _, w := range words {
			if w.v == v {
				return w.word
			}
		}
		return ""
	})
}

// text is any text that passes a check.
func text(name string, check func(string) error) kind[string] {
	return scalar(name, func(s string) (string, error) { return s, check(s) }, func(s string) any { return s })
}

// plainText holds that a text can be shown in a line.
func plainText(limit int) func(string) error {
	return func(s string) error {
		if len(s) > limit {
			return fmt.Errorf("has %d bytes: at most %d are taken", len(s), limit)
		}
		for _, c := range s {
			if c < ' ' || c == 0x7f || c == 0xfffd {
				return errors.New("has a character that is no text: remove it")
			}
		}
		return nil
	}
}

// checkAddress holds that a text is host:port, where port 0 takes a free one.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address: write host:port, like 127.0.0.1:50051", s)
	}
	if _, err := netip.ParseAddr(host); strings.ContainsAny(host, " /") || strings.Contains(host, ":") && err != nil {
		return fmt.Errorf("%q is no address: %q is no host", s, host)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no address: %q is no port: write a number from 0 to 65535", s, port)
	}
	return nil
}

// checkAdmin holds that a text is an address of the admin API.
func checkAdmin(s string) error {
	if _, err := admin.ParseAddress(s); err != nil {
		return err
	}
	if strings.HasPrefix(s, "unix://") {
		return nil
	}
	return checkAddress(s)
}

// checkService holds that a text is one part of a path of a URL.
func checkService(s string) error {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("%q is no part of a URL's path: use letters, digits, - and _", s)
		}
	}
	if strings.Trim(s, ".") == "" || len(s) > 100 {
		return fmt.Errorf("%q is no part of a URL's path: use 1 to 100 letters and digits", s)
	}
	return nil
}
