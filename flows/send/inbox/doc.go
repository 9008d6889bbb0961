// Package inbox is the sender for trials: it keeps messages in memory, where a page
// shows them, and sends nothing to anybody.
package inbox
