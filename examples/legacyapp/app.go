package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"
)

//go:embed pages assets
var files embed.FS

const (
	formLimit  = 64 << 10
	claimLimit = 1 << 20 // with its receipt
)

// app is the payroll application. Its state is in memory and bounded.
type app struct {
	now   func() time.Time
	pages *template.Template
	own   *ownSessions
}

func newApp(now func() time.Time) *app {
	return &app{
		now:   now,
		pages: template.Must(template.ParseFS(files, "pages/*.html")),
		own:   newOwnSessions(now),
	}
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page("home.html", "Payslips"))
	mux.HandleFunc("GET /admin", a.page("admin.html", "Bank details"))
	mux.HandleFunc("GET /admin/", a.page("admin.html", "Bank details"))
	mux.HandleFunc("GET /transfer", a.page("transfer.html", "Transfer"))
	mux.HandleFunc("POST /transfer", a.transfer)
	mux.HandleFunc("GET /expenses", a.page("expenses.html", "Expenses"))
	mux.HandleFunc("POST /expenses", a.claim)
	mux.HandleFunc("GET /download", a.download)
	mux.HandleFunc("GET /events", a.events)
	mux.Handle("GET /assets/", http.FileServerFS(files))
	return mux
}

// view is what every page shows: the request's identity and the application's own
// idea of who it talks to.
type view struct {
	Title    string
	Path     string
	Identity identity
	Own      ownSession
}

func (a *app) page(name, title string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := readIdentity(r, a.now())
		v := view{Title: title, Path: r.URL.Path, Identity: id, Own: a.own.of(w, r, id.RemoteUser)}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := a.pages.ExecuteTemplate(w, name, v); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// transfer notes the transfer in the application's own session and goes back to
// the form, which lists what was noted.
func (a *app) transfer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "That form could not be read.", http.StatusBadRequest)
		return
	}
	t := transfer{To: clip(r.PostForm.Get("to")), Amount: clip(r.PostForm.Get("amount")), At: a.now()}
	if t.To == "" || t.Amount == "" {
		http.Error(w, "A transfer needs a name and an amount.", http.StatusUnprocessableEntity)
		return
	}
	a.own.note(w, r, t)
	http.Redirect(w, r, "/transfer", http.StatusSeeOther)
}

// claim notes an expense with its receipt, of which it keeps what tells it from others.
func (a *app) claim(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, claimLimit)
	if err := r.ParseMultipartForm(claimLimit); err != nil {
		http.Error(w, "That form could not be read.", http.StatusBadRequest)
		return
	}
	c := claim{For: clip(r.PostFormValue("for")), At: a.now()}
	if file, header, err := r.FormFile("receipt"); err == nil {
		defer file.Close()
		sum := sha256.New()
		if c.Size, err = io.Copy(sum, file); err != nil {
			http.Error(w, "That receipt could not be read.", http.StatusBadRequest)
			return
		}
		c.Receipt, c.Sum = clip(header.Filename), hex.EncodeToString(sum.Sum(nil))
	}
	if c.For == "" || c.Receipt == "" {
		http.Error(w, "A claim needs a reason and a receipt.", http.StatusUnprocessableEntity)
		return
	}
	a.own.claim(w, r, c)
	http.Redirect(w, r, "/expenses", http.StatusSeeOther)
}

func clip(s string) string {
	s = strings.TrimSpace(s)
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80])
	}
	return s
}

// download serves a file that a client may fetch in ranges.
func (a *app) download(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Disposition", `attachment; filename="payslips.csv"`)
	http.ServeContent(w, r, "payslips.csv", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), payslips())
}

// payslips is the same 200-line file every time.
func payslips() io.ReadSeeker {
	var b strings.Builder
	b.WriteString("number,month,gross\n")
	for i := range 200 {
		month := time.Date(2010, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC)
		b.WriteString(month.Format("P-200601,January 2006") + ",2450.00\n")
	}
	return strings.NewReader(b.String())
}
