// Package gate lets a store close while it is in use: those who are inside
// finish, those who come later are turned away.
package gate
