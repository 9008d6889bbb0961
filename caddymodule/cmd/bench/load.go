package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends the same request n times over keep-alive connections, one at a time on
// each, and returns how long each took, sorted. It reads HTTP no further than it
// must, because what it spends itself is taken from the proxy under test. Anything
// but a 200 of the expected size ends the run.
func load(ctx context.Context, addr string, request []byte, n, connections int) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		left  atomic.Int64
		wg    sync.WaitGroup
		times = make([][]time.Duration, connections)
	)
	left.Store(int64(n))
	for i := range connections {
		wg.Go(func() {
			var err error
			if times[i], err = loadOne(ctx, addr, request, &left); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return all, nil
}

func loadOne(ctx context.Context, addr string, request []byte, left *atomic.Int64) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	in := bufio.NewReaderSize(conn, 16<<10)
	var times []time.Duration
	for left.Add(-1) >= 0 {
		began := time.Now()
		if err := conn.SetDeadline(began.Add(30 * time.Second)); err != nil {
			return nil, fmt.Errorf("sending: %w", err)
		}
		if _, err := conn.Write(request); err != nil {
			return nil, fmt.Errorf("sending: %w", err)
		}
		if err := readAnswer(in); err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

var contentLength = []byte("content-length:")

// readAnswer consumes one response with a Content-Length.
func readAnswer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("reading answer: %w", err)
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("reading answer: %q", bytes.TrimSpace(status))
	}
	size := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading answer: %w", err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if size, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return fmt.Errorf("reading answer: %w", err)
			}
		}
	}
	if size != answerSize {
		return fmt.Errorf("reading answer: %d bytes announced, expected %d", size, answerSize)
	}
	if _, err := io.CopyN(io.Discard, in, int64(size)); err != nil {
		return fmt.Errorf("reading answer: %w", err)
	}
	return nil
}
