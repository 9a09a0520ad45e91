package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Client speaks to a running host. Its methods may be called concurrently.
type Client struct {
	address Address
	http    http.Client
}

// NewClient makes a client of the host at an address.
func NewClient(a Address) *Client {
	transport := &http.Transport{
		DisableKeepAlives: true, // one command, one request
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, a.network, a.address)
		},
	}
	return &Client{address: a, http: http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// Plugins lists the host's plugins.
func (c *Client) Plugins(ctx context.Context) (plugins []Plugin, err error) {
	return plugins, c.get(ctx, "/v1/plugins", &plugins)
}

func (c *Client) get(ctx context.Context, path string, value any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://byova-host"+path, nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return fmt.Errorf("no host answers at %v: %w: is one running, or with another --admin?", c.address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var said apiError
		_ = json.NewDecoder(response.Body).Decode(&said)
		return fmt.Errorf("the host at %v answered %s: %s", c.address, response.Status, said.Error)
	}
	if err := json.NewDecoder(response.Body).Decode(value); err != nil {
		return fmt.Errorf("answer of the host at %v: %w", c.address, err)
	}
	return nil
}
