// Package puzzle makes small computations that a browser does before the site does
// something for a stranger at a busy time: send a message, or hash a password. One costs
// a person about a second, once; somebody who wants a hundred thousand messages pays a
// hundred thousand times.
//
// A puzzle is a text of ours: nobody else can make one, it is good for one purpose, from
// one client network, for [Life]. It holds no state: whoever uses it must see to it that
// each is taken once (see [ID]).
//
// Its solution are [Parts] numbers, separated by commas. With the number at place i, the
// SHA-256 of the puzzle's text, a dot, i, a dot and that number in decimal begins with
// [Bits] zero bits. Many small parts instead of a large one, so that everybody has about
// the same work to do: the number of tries varies by a quarter, not by its double.
package puzzle
