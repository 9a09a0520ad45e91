// Package yamlfile reads the one YAML document of a file that people write, and says
// in which line it is wrong and what to do. What the document means is its reader's
// business.
package yamlfile
