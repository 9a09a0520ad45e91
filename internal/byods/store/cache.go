package store

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// Cache is a Store that answers Org and Orgs from memory. It has what it wrote at
// once, and what others wrote when Reload has returned.
type Cache struct {
	Store

	mu   sync.RWMutex
	orgs map[webex.OrgID]Org // never changed in place

	reloading sync.Mutex
	stamps    map[webex.OrgID]string // of what was read
}

// stamper is a store that can tell cheaply that a record is as it was.
type stamper interface{ stamp(webex.OrgID) string }

// NewCache reads all organisations of a store. Records that cannot be read come back
// as an error beside the cache, which then has the others.
func NewCache(ctx context.Context, s Store) (*Cache, error) {
	c := &Cache{Store: s, orgs: map[webex.OrgID]Org{}, stamps: map[webex.OrgID]string{}}
	_, err := c.Reload(ctx)
	return c, err
}

// Peek gives an organisation's record without waiting for anything. What it points
// to must not be changed.
func (c *Cache) Peek(id webex.OrgID) (Org, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o, ok := c.orgs[id]
	return o, ok
}

// All are all records, as Peek gives them, in the order of their ids.
func (c *Cache) All() iter.Seq[Org] {
	return func(yield func(Org) bool) {
		ids, _ := c.Orgs(context.Background()) // from memory: it cannot fail
		for _, id := range ids {
			if o, ok := c.Peek(id); ok && !yield(o) {
				return
			}
		}
	}
}

// Orgs implements Store, from memory.
func (c *Cache) Orgs(context.Context) ([]webex.OrgID, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.orgs)), nil
}

// Org implements Store, from memory.
func (c *Cache) Org(_ context.Context, id webex.OrgID) (Org, error) {
	o, ok := c.Peek(id)
	if !ok {
		return Org{}, ErrNotFound
	}
	return o.clone(), nil
}

// UpdateOrg implements Store.
func (c *Cache) UpdateOrg(ctx context.Context, id webex.OrgID, change func(*Org) error) error {
	var after Org
	err := c.Store.UpdateOrg(ctx, id, func(o *Org) error {
		if err := change(o); err != nil {
			return err
		}
		after = o.clone()
		return nil
	})
	if err != nil {
		return err
	}
	after.ID, after.Revision = id, after.Revision+1 // as the store does
	c.take(after)
	return nil
}

// take replaces an older record, and tells whether it was one.
func (c *Cache) take(o Org) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, known := c.orgs[o.ID]; known && before.Revision >= o.Revision {
		return false
	}
	c.orgs[o.ID] = o
	return true
}

// Reload reads again what others may have changed. A record that cannot be read is
// reported and stays as it was. It tells which have changed.
func (c *Cache) Reload(ctx context.Context) (changed []webex.OrgID, err error) {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	ids, err := c.Store.Orgs(ctx)
	if err != nil {
		return nil, err
	}
	var damaged []error
	for _, id := range ids {
		stamp := c.stampOf(id) // before it is read: a change after it is seen the next time
		if stamp != "" && stamp == c.stamps[id] {
			continue
		}
		o, err := c.Store.Org(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound): // gone meanwhile
			continue
		case err != nil:
			damaged = append(damaged, err)
			continue
		case o.ID == id && c.take(o):
			changed = append(changed, id)
		}
		c.stamps[id] = stamp
	}
	return changed, errors.Join(damaged...)
}

func (c *Cache) stampOf(id webex.OrgID) string {
	if s, ok := c.Store.(stamper); ok {
		return s.stamp(id)
	}
	return ""
}
