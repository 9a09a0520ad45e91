package pluginwire

// Limits are what a plugin may use. Zero means as much as it likes.
type Limits struct {
	// Memory is how many bytes the plugin and the processes it started may have
	// resident, added up. One that has more is lost. It is looked at once a second.
	Memory int64
	// OpenFiles is how many files the plugin may have open.
	OpenFiles int
}
