package rawtest

import "fmt"

// hidden is a request inside a request: it may be answered as one of its own, by the
// rules for /admin, or not at all.
const hidden = "GET /admin/smuggled HTTP/1.1\r\nHost: HOST\r\nX-Id-Token: " + Mallory + "\r\n\r\n"

// smuggled cases disagree with themselves about where the body ends.
func smuggled() (cases []Case) {
	const length, none = "Content-Length: LENGTH", "Content-Length: 0"
	chunk := "0\r\n\r\n" + hidden
	for i, lines := range [][]string{
		{length, "Transfer-Encoding: chunked"}, {"Transfer-Encoding: chunked", "Content-Length: 4"}, {"Transfer-Encoding: chunked", "Transfer-Encoding: identity"},
		{"Transfer-Encoding: identity", length}, {"Transfer-Encoding: xchunked", length}, {"Transfer-Encoding : chunked", length},
		{"Transfer-Encoding:\tchunked", length}, {"Transfer-Encoding: chunked, identity"}, {"Transfer-Encoding: identity, chunked"},
		{"Transfer-Encoding: \x0bchunked", length}, {"Transfer-Encoding:\r\n chunked", length}, {"Transfer_Encoding: chunked", length},
		{"X: y\nTransfer-Encoding: chunked", length}, {"Transfer-Encoding: CHUNKED", length}, {"Transfer-Encoding: chunked\x00", length},
		{none, length}, {length, none}, {"Content-Length: +" + "5"}, {"Content-Length: 5, 5"}, {"Content-Length: 0x5"},
		{"Content-Length: -1"}, {"Content-Length: 5 "}, {"Content-Length: 5\x00"}, {"Content-Length : 5"}, {"Content_Length: 5"}, {"Content-Length:"}, {"Content-Length: 99999999999999999999"},
		{none}, {"Content-Length: 00000000000000005"},
	} {
		for _, method := range []string{"POST", "GET"} {
			cases = append(cases, Case{Name: fmt.Sprintf("smuggle %d %s %.50q", i, method, lines), Raw: request(method, "/public", lines...) + chunk})
		}
	}
	for label, body := range map[string]string{
		"bare LF in a chunk":    "5\nhello\r\n0\r\n\r\n" + hidden,
		"bare LF at the end":    "0\r\n\n" + hidden,
		"bare CR at the end":    "0\r\n\r" + hidden,
		"chunk extension":       "0;x=" + "y\r\n\r\n" + hidden,
		"extension with LF":     "0;\n\r\n" + hidden,
		"extension with a line": "2;\nxx\r\nGET /admin/smuggled HTTP/1.1\r\nHost: HOST\r\nX: y\r\n\r\n0\r\n\r\n",
		"negative size":         "-1\r\n\r\n" + hidden,
		"hexadecimal prefix":    "0x0\r\n\r\n" + hidden,
		"size with a blank":     "0 \r\n\r\n" + hidden,
		"size with a sign":      "+0\r\n\r\n" + hidden,
		"huge size":             "fffffffffffffffff\r\n" + hidden,
		"size too small":        "1\r\nabc" + hidden,
		"no CRLF after a chunk": "3\r\nabc0\r\n\r\n" + hidden,
		"trailer is a request":  "0\r\nGET /admin/smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"trailer without colon": "0\r\nfoo\r\n\r\n" + hidden,
		"trailer with lengths":  "0\r\nContent-Length: 500\r\n\r\n" + hidden,
		"a second body":         "0\r\n\r\n0\r\n\r\n" + hidden,
	} {
		cases = append(cases, Case{Name: "chunks: " + label, Raw: request("POST", "/public", "Transfer-Encoding: chunked") + body})
	}
	cases = append(cases,
		Case{Name: "pipelined", Raw: get("/public") + get("/public/2") + hidden + get("/public/3")},
		Case{Name: "pipelined after a refusal", Raw: get("/admin") + hidden},
		Case{Name: "body of a GET", Raw: request("GET", "/public", length) + hidden},
		Case{Name: "expecting", Raw: request("POST", "/public", "Expect: 100-continue", length) + hidden},
		Case{Name: "expecting nonsense", Raw: request("POST", "/public", "Expect: 100-continue, x", none) + hidden},
		Case{Name: "upgrade with a request behind", Raw: get("/public", "Connection: Upgrade", "Upgrade: websocket") + hidden},
		Case{Name: "h2c upgrade with a request behind", Raw: get("/public", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		Case{Name: "HTTP/1.0 keep-alive", Raw: "GET /public HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n" + hidden},
		Case{Name: "HTTP/1.0 chunked", Raw: "POST /public HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk},
	)
	return cases
}

// streams are requests that only HTTP/2 can say.
func streams() (cases []Case) {
	pseudo := func(fields ...Field) *Stream { return &Stream{Fields: fields} }
	method, scheme, authority, path := Field{":method", "GET"}, Field{":scheme", "http"}, Field{":authority", "HOST"}, Field{":path", "/public"}
	for label, s := range map[string]*Stream{
		"absolute path":            GetStream("http://HOST/admin"),
		"path without a slash":     GetStream("admin"),
		"empty path":               GetStream(""),
		"asterisk":                 GetStream("*"),
		"path with a blank":        GetStream("/public /admin"),
		"path with a line":         GetStream("/public HTTP/1.1\r\nX-Id-Token: " + Mallory + "\r\nX: "),
		"path with a fragment":     GetStream("/admin#/public"),
		"query with a blank":       GetStream("/public?a b HTTP/1.1"),
		"query with high bytes":    GetStream("/public?\xa0\x85"),
		"two paths":                pseudo(method, scheme, authority, path, Field{":path", "/admin"}),
		"two methods":              pseudo(method, Field{":method", "POST"}, scheme, authority, path),
		"no path":                  pseudo(method, scheme, authority),
		"no method":                pseudo(scheme, authority, path),
		"scheme with a path":       pseudo(method, Field{":scheme", "http://HOST/admin?"}, authority, path),
		"strange scheme":           pseudo(method, Field{":scheme", "file"}, authority, Field{":path", "/admin"}),
		"authority with a path":    pseudo(method, scheme, Field{":authority", "HOST/admin"}, path),
		"authority with userinfo":  pseudo(method, scheme, Field{":authority", "HOST@other.test"}, path),
		"authority against host":   pseudo(method, scheme, authority, path, Field{"host", "other.test"}),
		"method with a line":       pseudo(Field{":method", "GET /admin HTTP/1.1\r\nX: y\r\n\r\n"}, scheme, authority, path),
		"method with a blank":      pseudo(Field{":method", "GET /admin"}, scheme, authority, path),
		"lower-case method":        pseudo(Field{":method", "get"}, scheme, authority, path),
		"TRACE":                    pseudo(Field{":method", "TRACE"}, scheme, authority, path),
		"CONNECT":                  pseudo(Field{":method", "CONNECT"}, authority),
		"CONNECT with a path":      pseudo(Field{":method", "CONNECT"}, scheme, authority, path),
		"extended CONNECT":         pseudo(Field{":method", "CONNECT"}, Field{":protocol", "websocket"}, scheme, authority, Field{":path", "/admin"}),
		"extended CONNECT to h2c":  pseudo(Field{":method", "CONNECT"}, Field{":protocol", "h2c"}, scheme, authority, path),
		":protocol on a GET":       pseudo(method, Field{":protocol", "websocket"}, scheme, authority, path),
		"pseudo after a header":    pseudo(method, scheme, authority, Field{"x-a", "b"}, path, Field{":path", "/admin"}),
		":status in a request":     pseudo(method, scheme, authority, path, Field{":status", "200"}),
		"content-length too short": {Fields: GetStream("/public", Field{"content-length", "1"}).Fields, Body: hidden},
		"content-length twice":     {Fields: GetStream("/public", Field{"content-length", "0"}, Field{"content-length", "5"}).Fields, Body: "abcde"},
		"pseudo in the trailer":    {Fields: GetStream("/public").Fields, Body: "a", Trailer: []Field{{":path", "/admin"}}},
	} {
		cases = append(cases, Case{Name: "h2 " + label, Stream: s})
	}
	for i, approach := range approaches {
		target := approach + spellings[(i*7)%len(spellings)]
		cases = append(cases,
			Case{Name: fmt.Sprintf("h2 path %q", target), Stream: GetStream(target)},
			Case{Name: fmt.Sprintf("h2 path %q", approach+"admin"), Stream: GetStream(approach + "admin/x")},
		)
	}
	return cases
}
