// Package byods is the control plane of bringing one's own data source: it holds the
// provider's authorisations, keeps each customer's data source registered and fresh,
// and verifies the tokens that Webex presents with calls.
//
// [Open] puts the parts together, each of which is a package below: store keeps
// records, webex speaks to the API, credential has the tokens that requests carry,
// webhook hears of customers, datasource looks after their data sources, and jws
// verifies. [Service.Run] is what the host runs beside its calls; the commands use the
// parts one by one. No audio passes here.
package byods
