// Package inbox is a sender that delivers nothing: it keeps the last messages in memory
// for a page to show. It is for trials. Its messages hold working codes, so whoever
// wires it must see to it that only the operator can look.
package inbox
