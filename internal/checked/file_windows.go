package checked

import "io/fs"

const noWait = 0

// checkMode has nothing to check: the name's ending decides there.
func checkMode(fs.FileInfo) error { return nil }
