package pluginwire

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// passedOn are the host's variables that a plugin gets: what a program needs to
// find its way about, proxies and certificates so that it can call out, and the
// knobs of the Go runtime. Everything else may be a secret.
var passedOn = []string{
	"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
	"GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
}

// windowsPassedOn is what no program starts without there.
var windowsPassedOn = []string{"SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "COMSPEC", "PATHEXT", "WINDIR"}

// pluginEnv returns the part of environ that a plugin gets. A Go program under a
// limit of memory is told to stay below it.
func pluginEnv(environ []string, limits Limits) []string {
	var env []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		// Proxies are written in either case.
		if upper := strings.ToUpper(name); slices.Contains(passedOn, upper) ||
			strings.HasPrefix(upper, "LC_") ||
			runtime.GOOS == "windows" && slices.Contains(windowsPassedOn, upper) {
			env = append(env, pair)
		}
	}
	if set := func(pair string) bool { return strings.HasPrefix(pair, "GOMEMLIMIT=") }; limits.Memory > 0 && !slices.ContainsFunc(env, set) {
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", limits.Memory/10*9))
	}
	return env
}
