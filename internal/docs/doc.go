// Package docs holds the project's documents to what they say: links lead somewhere,
// diagrams are such, each page stands in the index, and the shell blocks that are
// marked do what they show.
//
// A mark is an HTML comment on the line before a fenced sh block, which readers do
// not see:
//
//	<!-- run -->             is run; exit status 0 is expected
//	<!-- server -->          is started, and goes on once it has printed "listening on"
//	<!-- another server -->  is started beside those before
//
// The blocks of a page run in order, in one copy of the source with bin/ built, a HOME
// and an XDG_RUNTIME_DIR of their own, and sh -eu. They share the files, and no
// variables. Servers end where the next one begins, and with their page; so does what a
// block leaves in the background.
package docs
