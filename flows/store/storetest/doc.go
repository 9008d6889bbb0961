// Package storetest is the conformance suite of package store: what flows and
// limits rely on, stated as tests. Every back end runs it with [Run], those from
// other modules too. [Bench] measures a back end.
//
// [Twice] helps those who use a store: it makes every Update run its function
// twice, as a conflict would. [Trace] writes down what a request does to the store.
package storetest
