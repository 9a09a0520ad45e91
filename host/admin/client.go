package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// patience is how long a host may take to begin its answer.
const patience = 30 * time.Second

// Client speaks to a running host. Its methods may be called concurrently. Those that
// take a progress func call it, before they return, with what the host says meanwhile;
// they take as long as the work, and when ctx ends the host ends it.
type Client struct {
	address Address
	http    http.Client
}

// NewClient makes a client of the host at an address.
func NewClient(a Address) *Client {
	return &Client{address: a, http: http.Client{Transport: &http.Transport{
		DisableKeepAlives:     true, // one command, one request
		ResponseHeaderTimeout: patience,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, a.network, a.address)
		},
	}}}
}

// Plugins lists the live generations of the host's plugins.
func (c *Client) Plugins(ctx context.Context) (plugins []Plugin, err error) {
	return plugins, c.get(ctx, "/v1/plugins", &plugins)
}

// Swap lets another program take a plugin's place.
func (c *Client) Swap(ctx context.Context, name string, s Swap, progress func(string)) (Swapped, error) {
	return c.act(ctx, name, "swap", s, progress)
}

// Promote gives a plugin's canary all new calls.
func (c *Client) Promote(ctx context.Context, name string) (Swapped, error) {
	return c.act(ctx, name, "promote", nothing{}, nil)
}

// Rollback lets the program before take a plugin's place.
func (c *Client) Rollback(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error) {
	return c.act(ctx, name, "rollback", t, progress)
}

// Restart lets another process of the same program take a plugin's place.
func (c *Client) Restart(ctx context.Context, name string, t Terms, progress func(string)) (Swapped, error) {
	return c.act(ctx, name, "restart", t, progress)
}

// Reset has a plugin started again that ended too often.
func (c *Client) Reset(ctx context.Context, name string) error {
	_, err := c.act(ctx, name, "reset", nothing{}, nil)
	return err
}

func (c *Client) get(ctx context.Context, path string, value any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(value); err != nil {
		return fmt.Errorf("answer of the host at %v: %w", c.address, err)
	}
	return nil
}

// act asks for something and reads what becomes of it.
func (c *Client) act(ctx context.Context, name, verb string, asked any, progress func(string)) (Swapped, error) {
	request, err := json.Marshal(asked)
	if err != nil {
		return Swapped{}, err
	}
	body, err := c.do(ctx, http.MethodPost, "/v1/plugins/"+url.PathEscape(name)+"/"+verb, request)
	if err != nil {
		return Swapped{}, err
	}
	defer body.Close()
	for d := json.NewDecoder(body); ; {
		var l line
		switch err := d.Decode(&l); {
		case err != nil && ctx.Err() != nil:
			return Swapped{}, fmt.Errorf("the %s of %q is given up: %w", verb, name, context.Cause(ctx))
		case err != nil:
			return Swapped{}, fmt.Errorf("the host at %v broke off before it said what became of the %s of %q: %w", c.address, verb, name, err)
		case l.Error != "":
			return Swapped{}, errors.New(l.Error)
		case l.Done != nil:
			return *l.Done, nil
		case progress != nil && l.Progress != "":
			progress(l.Progress)
		}
	}
}

// do sends a request and returns the body of an answer that is no error.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("no host answers at %v: %w: is one running, or with another --admin?", c.address, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	var said apiError
	_ = json.NewDecoder(response.Body).Decode(&said)
	return nil, fmt.Errorf("the host at %v answered %s: %s", c.address, response.Status, said.Error)
}
