package jws

// Category says in one word why a token is refused, for logs and metrics.
type Category string

// The categories.
const (
	Missing           Category = "missing"
	Malformed         Category = "malformed"
	AlgorithmMismatch Category = "algorithm_mismatch"
	IssuerMismatch    Category = "issuer_mismatch"
	KidMissing        Category = "kid_missing"
	KidUnknown        Category = "kid_unknown"
	KeysUnavailable   Category = "keys_unavailable"
	Signature         Category = "signature"
	Expired           Category = "expired"
	NotYetValid       Category = "not_yet_valid"
	ClaimMissing      Category = "claim_missing"
	OAuthToken        Category = "oauth_token"  //nolint:gosec // a word
	OrgMismatch       Category = "org_mismatch" // not registered here, or not the request's
	AudMismatch       Category = "aud_mismatch"
	SubMismatch       Category = "sub_mismatch"
	URLMismatch       Category = "url_mismatch"
	SchemaMismatch    Category = "schema_mismatch"
	NonceMismatch     Category = "nonce_mismatch"
)

// Error is a token that is refused. It says nothing of the token's content but
// what has come from a verified one.
type Error struct {
	Category Category
	Detail   string // for the operator; without secrets
	Err      error  // nil, or why keys are not available
}

// Error gives the category and the detail.
func (e *Error) Error() string {
	text := "token refused: " + string(e.Category)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives why keys are not available.
func (e *Error) Unwrap() error { return e.Err }

func refuse(c Category, detail string) *Error { return &Error{Category: c, Detail: detail} }
