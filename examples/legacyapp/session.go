package main

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	ownCookie    = "legacy_session"
	sessionsMost = 1000
	notesMost    = 20
)

// ownSession is what the application itself remembers. It stands for every old
// application that asks who you are once, and then trusts its own cookie.
type ownSession struct {
	Owner     string // the first Remote-User it saw
	Began     time.Time
	Views     int
	Transfers []transfer
	Claims    []claim
}

type transfer struct {
	To, Amount string
	At         time.Time
}

// claim is an expense with its receipt.
type claim struct {
	For, Receipt string
	Size         int64  // of the receipt, in bytes
	Sum          string // its SHA-256
	At           time.Time
}

type ownSessions struct {
	now func() time.Time
	mu  sync.Mutex
	all map[string]*ownSession
}

func newOwnSessions(now func() time.Time) *ownSessions {
	return &ownSessions{now: now, all: map[string]*ownSession{}}
}

// of returns a copy of the request's session, counted as one more view; a request
// without one gets one.
func (s *ownSessions) of(w http.ResponseWriter, r *http.Request, user string) ownSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(w, r, user)
	o.Views++
	c := *o
	c.Transfers = append([]transfer(nil), o.Transfers...)
	c.Claims = append([]claim(nil), o.Claims...)
	return c
}

func (s *ownSessions) note(w http.ResponseWriter, r *http.Request, t transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(w, r, r.Header.Get(headerUser))
	if o.Transfers = append(o.Transfers, t); len(o.Transfers) > notesMost {
		o.Transfers = o.Transfers[1:]
	}
}

func (s *ownSessions) claim(w http.ResponseWriter, r *http.Request, c claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.find(w, r, r.Header.Get(headerUser))
	if o.Claims = append(o.Claims, c); len(o.Claims) > notesMost {
		o.Claims = o.Claims[1:]
	}
}

func (s *ownSessions) find(w http.ResponseWriter, r *http.Request, user string) *ownSession {
	if c, err := r.Cookie(ownCookie); err == nil {
		if o := s.all[c.Value]; o != nil {
			return o
		}
	}
	if len(s.all) >= sessionsMost {
		clear(s.all)
	}
	id := rand.Text()
	o := &ownSession{Owner: user, Began: s.now()}
	s.all[id] = o
	http.SetCookie(w, &http.Cookie{Name: ownCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return o
}
