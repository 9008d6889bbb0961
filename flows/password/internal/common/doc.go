// Package common makes the list of the commonest passwords that package password
// embeds as common.txt: people's habits, written down as roots and as rules for
// joining them. It is not part of any program; a test of package password runs it
// and compares, and writes the file anew with -update.
package common
