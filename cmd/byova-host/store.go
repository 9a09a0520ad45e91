package main

import (
	"context"
	"fmt"
	"io"
)

type storeCmd struct {
	Rotate storeRotateCmd `cmd:"" help:"Encrypt all records with byods.store.key that are not yet."`
}

type storeRotateCmd struct{ byodsFlags }

// Run encrypts the records anew. It can be run beside a host that knows both keys.
func (c *storeRotateCmd) Run(ctx context.Context, out io.Writer) error {
	service, settings, err := c.open(ctx)
	if err != nil {
		return err
	}
	if len(settings.Store.Key) == 0 {
		return usageError{"store rotate: there is no key to rotate to: set byods.store.key_file"}
	}
	n, err := service.File.Rotate(ctx)
	if err != nil {
		return fmt.Errorf("%w (%d records are done; run it again)", err, n)
	}
	_, err = fmt.Fprintf(out, "%d records are encrypted anew with byods.store.key; the old key can be taken out\n", n)
	return err
}
