package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/internal/byods"
	"github.com/byova-host/byova-host/internal/byods/jws"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

// BYODS is what the provider's side of Webex needs: credentials, where they are
// kept, and the data source to register.
type BYODS struct {
	byods.Config
	Listen string // where webhooks are received; empty: nowhere
	TLS    bool   // with the certificate of the host; Webex shows none
}

// defaultBYODS is what counts when nothing is said.
func defaultBYODS() BYODS {
	var b BYODS
	b.Webex.API, b.Webex.Rate = webex.DefaultAPI, 10
	b.RedirectURI = "http://127.0.0.1:8765/callback"
	b.Issuers = jws.Issuers()
	b.Source.Schema, b.Source.Audience, b.Source.Subject = webex.VoiceSchema, "byova-host", "voice-virtual-agent"
	b.Source.Lifetime = 24 * time.Hour
	return b
}

// byodsFields are the keys of byods.
var byodsFields = []field[Config]{
	{"byods.store.dir", bind(path("directory", checkStore), func(c *Config) *string { return &c.BYODS.Store.Dir }),
		"Where tokens and data sources are kept. The commands auth, orgs and datasources use it beside a running host. Unset: no token can be accepted."},
	{"byods.store.key", bind(secretKey, storeKey),
		"What records are encrypted with: 32 bytes in hex or base64, as `openssl rand -hex 32` prints. Unset: they are plain, in files for their owner alone."},
	{"byods.store.key_file", inFile(secretKey, storeKey),
		"The file that holds byods.store.key."},
	{"byods.store.old_key", bind(oldKey, storeOldKeys),
		"The key before, for as long as records are encrypted with it: `byova-host store rotate` brings them all to the new one."},
	{"byods.store.old_key_file", inFile(oldKey, storeOldKeys),
		"The file that holds byods.store.old_key."},
	{"byods.integration.client_id", bind(text("client id", plainText(256)), func(c *Config) *string { return &c.BYODS.Integration.ClientID }),
		"The client id of the integration that manages webhooks and fetches customers' tokens."},
	{"byods.integration.client_secret", bind(secretText, integrationSecret),
		"Its client secret."},
	{"byods.integration.client_secret_file", inFile(secretText, integrationSecret),
		"The file that holds byods.integration.client_secret."},
	{"byods.integration.redirect_uri", bind(text("URL", checkURL("http", "https")), func(c *Config) *string { return &c.BYODS.RedirectURI }),
		"Where the browser goes after the login, exactly as it is registered with the integration."},
	{"byods.integration.scopes", bind(list("list of scopes", `["spark:applications_token"]`, "asks for nothing: name scopes, or leave the key out", plainScope),
		func(c *Config) *[]string { return &c.BYODS.Scopes }),
		"What the login asks for. Unset: the three scopes that this program needs."},
	{"byods.service_app.client_id", bind(text("client id", plainText(256)), func(c *Config) *string { return &c.BYODS.ServiceApp.ClientID }),
		"The client id of the service app that customers authorise."},
	{"byods.service_app.client_secret", bind(secretText, serviceAppSecret),
		"Its client secret."},
	{"byods.service_app.client_secret_file", inFile(secretText, serviceAppSecret),
		"The file that holds byods.service_app.client_secret."},
	{"byods.service_app.application_id", bind(text("id", plainText(256)), func(c *Config) *string { return &c.BYODS.ApplicationID }),
		"The service app's id, as the developer portal shows it. Unset: it is derived from the client id."},
	{"byods.webhook.listen", bind(text("address", checkAddress), func(c *Config) *string { return &c.BYODS.Listen }),
		"Where the host receives webhooks, as host:port, on the path of byods.webhook.url. Unset: it does not."},
	{"byods.webhook.url", bind(text("URL", checkURL("https")), func(c *Config) *string { return &c.BYODS.Webhook.URL }),
		"The public URL that Webex delivers to, with a path of its own. The host sees to it that the webhooks are registered."},
	{"byods.webhook.secret", bind(secretText, webhookSecret),
		"What deliveries are signed with: choose a random one, as `openssl rand -hex 32` prints. A new one is registered at the next start."},
	{"byods.webhook.secret_file", inFile(secretText, webhookSecret),
		"The file that holds byods.webhook.secret."},
	{"byods.webhook.tls", bind(boolean(), func(c *Config) *bool { return &c.BYODS.TLS }),
		"Receive them over HTTPS, with the certificate of tls.cert. No client is asked for one."},
	{"byods.data_source.url", bind(text("URL", checkURL("https")), func(c *Config) *string { return &c.BYODS.Source.URL }),
		"Where Webex reaches this host, as https://host:port. It is registered for each organisation, and tokens must name it character for character. Unset: nothing is registered."},
	{"byods.data_source.schema", bind(text("id", plainText(64)), func(c *Config) *string { return &c.BYODS.Source.Schema }),
		"The schema that is registered: the voice virtual agent over gRPC."},
	{"byods.data_source.audience", bind(text("text", plainText(256)), func(c *Config) *string { return &c.BYODS.Source.Audience }),
		"The audience that tokens must have."},
	{"byods.data_source.subject", bind(text("text", plainText(256)), func(c *Config) *string { return &c.BYODS.Source.Subject }),
		"The subject that tokens must have."},
	{"byods.data_source.lifetime", bind(duration(time.Minute, 24*time.Hour, notZero), func(c *Config) *time.Duration { return &c.BYODS.Source.Lifetime }),
		"How long tokens count, in whole minutes. They are renewed at about half of it."},
	{"byods.api", bind(text("URL", checkURL("https")), func(c *Config) *string { return &c.BYODS.Webex.API }),
		"Webex's API. `https://integration.webexapis.com/v1` is that of its test environment, whose issuer is `https://idbrokerbts.webex.com/idb`."},
	{"byods.rate", bind(requests, func(c *Config) *float64 { return &c.BYODS.Webex.Rate }),
		"Most requests a second to the API."},
	{"byods.legacy_keys", bind(boolean(), func(c *Config) *bool { return &c.BYODS.Webex.Legacy }),
		"Write data sources with the keys of older documents: tokenLifeMinutes as text, schemaId as a list."},
	{"byods.issuers", bind(list("list of issuers", `["https://idbroker.webex.com/idb"]`, "trusts nobody: name issuers, or leave the key out for those of production", jws.CheckIssuer),
		func(c *Config) *[]string { return &c.BYODS.Issuers }),
		"Whose tokens are accepted. Keys are fetched from these alone."},
}

func storeKey(c *Config) *[]byte          { return &c.BYODS.Store.Key }
func storeOldKeys(c *Config) *[][]byte    { return &c.BYODS.Store.OldKeys }
func integrationSecret(c *Config) *string { return &c.BYODS.Integration.ClientSecret }
func serviceAppSecret(c *Config) *string  { return &c.BYODS.ServiceApp.ClientSecret }
func webhookSecret(c *Config) *string     { return &c.BYODS.Webhook.Secret }

// The secrets. What is wrong with one is said without showing it.
var (
	secretText = scalar("text", func(s string) (string, error) {
		if s == "" {
			return "", errors.New("is empty: write the secret, or leave the key out")
		}
		return s, plainText(4096)(s)
	}, func(s string) any { return s })
	secretKey = scalar("key", store.ParseKey, func(key []byte) any { return hex.EncodeToString(key) })
	oldKey    = scalar("key", func(s string) ([][]byte, error) {
		key, err := store.ParseKey(s)
		return [][]byte{key}, err
	}, func(keys [][]byte) any {
		if len(keys) == 0 {
			return ""
		}
		return hex.EncodeToString(keys[0])
	})
)

// inFile binds a secret that a file holds. The key without _file stands for it in
// all but reading.
func inFile[V any](of kind[V], at func(*Config) *V) binding[Config] {
	return heldInFile{bind(kind[V]{name: "file", show: func(V) any { return nil }, read: func(r *reader, n *yaml.Node, key string) (V, bool) {
		text, ok := r.secret(n, key)
		if !ok {
			var none V
			return none, false
		}
		held := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(text, "${", "$${"), Line: n.Line}
		return of.read(r, held, key)
	}}, at)}
}

type heldInFile struct{ binding[Config] }

func (heldInFile) equal(*Config, *Config) bool { return true }

// requests is a number of requests a second.
var requests = scalar("number, 1 to 1000", func(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 1 && n <= 1000) {
		return 0, fmt.Errorf("%q is no number from 1 to 1000", text)
	}
	return n, nil
}, func(n float64) any { return strconv.FormatFloat(n, 'g', -1, 64) })

// checkURL holds that a text is a URL of one of some schemes. Http, where it is not
// one of them, is taken of this machine alone.
func checkURL(schemes ...string) func(string) error {
	return func(text string) error {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(text) > 2048 {
			return fmt.Errorf("%q is no URL: write one like %s://host.example.com", text, schemes[len(schemes)-1])
		}
		if !slices.Contains(schemes, u.Scheme) && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return fmt.Errorf("%q must begin with %s://", text, strings.Join(schemes, ":// or "))
		}
		return nil
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func plainScope(s string) error {
	if s == "" || strings.ContainsAny(s, " \t\"\\") {
		return fmt.Errorf("%q is no scope: write one like spark:applications_token", s)
	}
	return plainText(256)(s)
}

// checkStore holds that a directory is there, or can be made.
func checkStore(path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is no directory: name one", path)
	case err == nil:
		return nil
	}
	return checkDirectory(filepath.Dir(filepath.Clean(path)))
}

// checkBYODS holds what is said of Webex's side against each other.
func (r *reader) checkBYODS(c *Config) {
	b := c.BYODS
	const at = "byods."
	for _, key := range []string{"store.key", "store.old_key", "integration.client_secret", "service_app.client_secret", "webhook.secret"} {
		if r.set(at+key) && r.set(at+key+fileSuffix) {
			r.at(at+key, false, "stands beside %s%s%s: keep one of them", at, key, fileSuffix)
		}
	}
	needs := func(key, other string) { // the one makes no sense without the other
		if r.set(at+key) && !r.set(at+other) && !r.set(at+other+fileSuffix) {
			r.at(at+key, false, "stands without %s%s: set that too", at, other)
		}
	}
	for _, pair := range [][2]string{
		{"integration.client_id", "integration.client_secret"}, {"integration.client_id", "store.dir"},
		{"service_app.client_id", "service_app.client_secret"}, {"service_app.client_id", "store.dir"},
		{"store.old_key", "store.key"}, {"store.old_key_file", "store.key"}, {"store.key", "store.dir"}, {"store.key_file", "store.dir"},
		{"webhook.listen", "webhook.url"}, {"webhook.url", "webhook.secret"}, {"webhook.url", "service_app.client_id"},
		{"data_source.url", "service_app.client_id"},
	} {
		needs(pair[0], pair[1])
	}
	if b.TLS && !r.set("tls.cert") {
		r.at(at+"webhook.tls", false, "stands without tls.cert and tls.key: without them there is no TLS")
	}
	if b.Source.Lifetime%time.Minute != 0 {
		r.at(at+"data_source.lifetime", false, "%s is no number of whole minutes, which are what Webex takes", short(b.Source.Lifetime))
	}
	if b.Store.Dir != "" && len(b.Store.Key) == 0 && !r.set(at+"store.key") && !r.set(at+"store.key"+fileSuffix) {
		r.at(at+"store.dir", true, "tokens are kept as they are, in files for their owner alone: set byods.store.key_file to have them encrypted")
	}
	if c.VerifyTokens && !r.set(at+"store.dir") {
		r.at("verify_tokens", true, "without byods.store.dir no data source is known, and every call is refused: "+
			"set it, or let everybody in with false here or --verify-tokens=false")
	}
}
