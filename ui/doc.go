// Package ui is the HTML face: the pages on which people sign up, sign in and
// confirm who they are, and the texts of the messages they get.
//
// [Pages] serves everything below the site's prefix, and the error pages that the
// gateway shows elsewhere. It decides nothing: it turns forms into inputs of the
// flow engine and views into pages. A GET never sends a message and never uses
// anything up; every POST ends in a 303 or in the same page with what is wrong.
// Pages need no JavaScript. Every word comes from package lang.
//
// [Compose] makes mail and text messages of what the engine says happened.
package ui
