package store

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// Memory is a Store that ends with the process.
type Memory struct {
	mu          sync.Mutex
	integration *Integration
	orgs        map[webex.OrgID]Org
	locks       turns
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{orgs: map[webex.OrgID]Org{}} }

// Integration implements Store, as do the methods below.
func (m *Memory) Integration(context.Context) (Integration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.integration == nil {
		return Integration{}, ErrNotFound
	}
	return *m.integration, nil
}

// UpdateIntegration changes the integration's record.
func (m *Memory) UpdateIntegration(_ context.Context, change func(*Integration) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var i Integration
	if m.integration != nil {
		i = *m.integration
	}
	if err := change(&i); err != nil {
		return err
	}
	m.integration = &i
	return nil
}

// Orgs gives all organisations.
func (m *Memory) Orgs(context.Context) ([]webex.OrgID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.orgs)), nil
}

// Org gives an organisation's record.
func (m *Memory) Org(_ context.Context, id webex.OrgID) (Org, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.orgs[id]
	if !ok {
		return Org{}, ErrNotFound
	}
	return o.clone(), nil
}

// UpdateOrg changes it.
func (m *Memory) UpdateOrg(_ context.Context, id webex.OrgID, change func(*Org) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.orgs[id].clone()
	o.ID = id
	if err := change(&o); err != nil {
		return err
	}
	o.ID, o.Revision = id, o.Revision+1
	m.orgs[id] = o.clone()
	return nil
}

// Lock waits for a lock of this process.
func (m *Memory) Lock(ctx context.Context, name string) (unlock func(), err error) {
	return m.locks.take(ctx, name)
}
