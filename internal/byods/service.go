package byods

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/datasource"
	"github.com/byova-host/byova-host/internal/byods/jws"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
	"github.com/byova-host/byova-host/internal/byods/webhook"
)

// Config is all that a provider can say. What has no value is left out of a Service.
type Config struct {
	Store         store.FileConfig // no Dir: nothing is kept, and no token is accepted
	Webex         webex.Config
	Integration   webex.App // no ClientID: none
	RedirectURI   string
	Scopes        []string
	ServiceApp    webex.App // no ClientID: none
	ApplicationID string    // empty: derived from the service app's client id
	Webhook       Webhook
	Source        datasource.Spec // no URL: no data source is looked after
	Issuers       []string        // empty: those of production
	Log           hclog.Logger    // nil: none
	// Watch is told how each piece of work on an organisation ended; nil: nobody is.
	Watch func(webex.OrgID, error)
}

// Webhook is where Webex delivers events.
type Webhook struct {
	URL    string // empty: nowhere
	Secret string
}

// Service has the parts. Those that the configuration has nothing for are nil; Store
// and Verifier are always there.
type Service struct {
	Store       *store.Cache
	File        *store.File
	Client      *webex.Client
	Integration *credential.Integration
	App         *credential.ServiceApp
	Hooks       *webhook.Hooks
	Keeper      *datasource.Keeper
	Verifier    *jws.Verifier

	receiver *webhook.Receiver
	log      hclog.Logger
}

// Open reads the store and puts the parts together. It sends nothing.
func Open(ctx context.Context, c Config) (*Service, error) {
	s := &Service{Client: webex.New(c.Webex), log: c.Log}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	records := store.Store(store.NewMemory())
	if c.Store.Dir != "" {
		file, err := store.Open(c.Store)
		if err != nil {
			return nil, err
		}
		s.File, records = file, file
	}
	var err error
	if s.Store, err = store.NewCache(ctx, records); err != nil {
		s.log.Error("records cannot be read: calls of their organisations are refused", "error", err)
	}
	s.Verifier = jws.New(jws.Config{
		Issuers: c.Issuers, Registry: registry{s.Store}, HTTP: c.Webex.HTTP, Log: s.log.Named("tokens"),
	})
	if c.Integration.ClientID != "" {
		s.Integration = credential.NewIntegration(credential.IntegrationConfig{
			App: c.Integration, RedirectURI: c.RedirectURI, Scopes: c.Scopes,
			Client: s.Client, Store: s.Store, Log: s.log.Named("integration"),
		})
	}
	if c.ServiceApp.ClientID != "" {
		s.serve(c)
	}
	return s, nil
}

// serve makes the parts of a service app.
func (s *Service) serve(c Config) {
	s.App = credential.NewServiceApp(credential.ServiceAppConfig{
		App: c.ServiceApp, ApplicationID: c.ApplicationID, Client: s.Client, Integration: s.Integration,
		Store: s.Store, Log: s.log.Named("orgs"),
	})
	if c.Source.URL != "" {
		s.Keeper = datasource.New(datasource.Config{
			Spec: c.Source, Client: s.Client, App: s.App, Store: s.Store, Log: s.log.Named("datasources"), Watch: c.Watch,
		})
	}
	if c.Webhook.Secret == "" {
		return
	}
	look := func(webex.OrgID) {}
	if s.Keeper != nil {
		look = s.Keeper.Look
	}
	s.receiver = webhook.NewReceiver(webhook.ReceiverConfig{
		ApplicationID: s.App.ApplicationID(), Secret: c.Webhook.Secret, Store: s.Store, App: s.App, Done: look,
		Log: s.log.Named("webhook"),
	})
	if s.Integration != nil {
		s.Hooks = &webhook.Hooks{
			Client: s.Client, Auth: s.Integration, ApplicationID: s.App.ApplicationID(),
			URL: c.Webhook.URL, Secret: c.Webhook.Secret,
		}
	}
}

// Webhook receives what Webex delivers; nil without a service app or a secret.
func (s *Service) Webhook() http.Handler {
	if s.receiver == nil {
		return nil
	}
	return s.receiver
}

// Run looks after everything until ctx ends, and returns when nothing of it runs.
func (s *Service) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.File != nil {
		changed, err := s.File.Watch(ctx)
		if err != nil {
			return fmt.Errorf("watch the store: %w", err)
		}
		running.Go(func() { s.follow(ctx, changed) })
	}
	running.Go(func() { s.Verifier.Run(ctx) })
	if s.Integration != nil {
		running.Go(func() { s.Integration.Keep(ctx) })
	}
	if s.receiver != nil {
		running.Go(func() { s.receiver.Run(ctx) })
	}
	if s.Keeper != nil {
		running.Go(func() { s.Keeper.Run(ctx) })
	}
	<-ctx.Done()
	return nil
}

// follow takes over what other processes change.
func (s *Service) follow(ctx context.Context, changed <-chan struct{}) {
	for range changed {
		orgs, err := s.Store.Reload(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("records that were changed cannot be read", "error", err)
		}
		if len(orgs) > 0 {
			s.log.Info("records changed by another process", "orgs", len(orgs))
		}
		for _, org := range orgs {
			if s.Keeper != nil {
				s.Keeper.Look(org)
			}
		}
	}
}

// Known tells how many organisations have a data source that tokens can be for.
func (s *Service) Known() (n int) {
	for org := range s.Store.All() {
		if org.State == store.Authorized && org.Source != nil && org.Source.ID != "" {
			n++
		}
	}
	return n
}

// registry shows the store's data sources to the verifier.
type registry struct{ orgs *store.Cache }

// DataSources implements jws.Registry.
func (r registry) DataSources(org string) []jws.DataSource {
	record, ok := r.orgs.Peek(webex.OrgID(org))
	if !ok || record.State != store.Authorized || record.Source == nil || record.Source.ID == "" {
		return nil
	}
	nonces := make([]jws.Nonce, len(record.Source.Nonces))
	for i, n := range record.Source.Nonces {
		nonces[i] = jws.Nonce(n)
	}
	d := record.Source
	return []jws.DataSource{{ID: d.ID, Schema: d.Schema, URL: d.URL, Audience: d.Audience, Subject: d.Subject, Nonces: nonces}}
}
