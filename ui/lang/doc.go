// Package lang is the message layer: every word a person reads comes from here.
//
// A language is one flat JSON file of keys and messages. A message may hold
// placeholders {name}, plurals {n, plural, one {# code} other {# codes}} (# is the
// number) and slots {link}text{/link}. Text is escaped and slots are filled by
// code, so whoever translates can never write markup. A key that a language lacks
// is taken from its parent, and at last from the fallback language.
//
// All digits are ASCII, in every language: see [Language]. Codes, phone digits and
// references are passed as strings, so they are not even grouped; numbers as int.
package lang
