package rawtest

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A Stream is one HTTP/2 request, field by field as it goes over the wire, pseudo
// header fields included.
type Stream struct {
	Fields  []Field
	Body    string
	Trailer []Field
}

// GetStream is an ordinary request with further fields.
func GetStream(path string, more ...Field) *Stream {
	return &Stream{Fields: append([]Field{
		{":method", "GET"}, {":scheme", "http"}, {":authority", "HOST"}, {":path", path},
	}, more...)}
}

// sendStream speaks HTTP/2 by frames, since a client library refuses to say what the
// corpus says.
func (f *Front) sendStream(conn net.Conn, s *Stream) (string, error) {
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encode := func(fields []Field) []byte {
		block.Reset()
		for _, field := range fields {
			// A bytes.Buffer takes everything.
			_ = encoder.WriteField(hpack.HeaderField{Name: f.fill(field.Name), Value: f.fill(field.Value)})
		}
		return block.Bytes()
	}
	framer := http2.NewFramer(&out, conn)
	framer.AllowIllegalWrites = true
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fields := s.Fields
	if f.Session != "" {
		fields = append(slices.Clone(fields), Field{"cookie", "COOKIE=" + f.Session})
	}
	err := errors.Join(
		framer.WriteSettings(),
		writeHeaders(framer, encode(fields), s.Body == "" && s.Trailer == nil),
	)
	if s.Body != "" {
		err = errors.Join(err, framer.WriteData(1, s.Trailer == nil, []byte(s.Body)))
	}
	if s.Trailer != nil {
		err = errors.Join(err, writeHeaders(framer, encode(s.Trailer), true))
	}
	if err != nil {
		return "", err
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		return "", nil // closed on us: a refusal
	}
	return readStream(conn, framer)
}

// writeHeaders splits a block over frames of the size that everybody accepts.
func writeHeaders(framer *http2.Framer, block []byte, end bool) error {
	const size = 16 << 10
	first := block[:min(size, len(block))]
	rest := block[len(first):]
	err := framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0,
	})
	for len(rest) > 0 {
		part := rest[:min(size, len(rest))]
		rest = rest[len(part):]
		err = errors.Join(err, framer.WriteContinuation(1, len(rest) == 0, part))
	}
	return err
}

// readStream reads until the stream or the connection ends, or nothing comes.
func readStream(conn net.Conn, framer *http2.Framer) (string, error) {
	var answer strings.Builder
	for {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return "", err
		}
		frame, err := framer.ReadFrame()
		if err != nil {
			return answer.String(), nil
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				answer.WriteString(field.Name + ": " + field.Value + "\n")
			}
			if frame.StreamEnded() {
				return answer.String(), nil
			}
		case *http2.DataFrame:
			answer.Write(frame.Data())
			if frame.StreamEnded() {
				return answer.String(), nil
			}
		case *http2.RSTStreamFrame:
			return answer.String() + "reset: " + frame.ErrCode.String(), nil
		case *http2.GoAwayFrame:
			return answer.String() + "go away: " + frame.ErrCode.String(), nil
		}
	}
}
