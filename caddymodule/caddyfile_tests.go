package caddymodule

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// tests reads the files of policy tests that a site names. What stands in them becomes
// part of the configuration, so that a reload notices changed cases.
func (p *siteParser) tests() error {
	if p.handler.Tests != nil {
		return repeated(p.Dispenser, "tests")
	}
	for p.NextArg() {
		name := p.Val()
		if slices.ContainsFunc(p.handler.Tests, func(f *CaseFile) bool { return f.Name == name }) {
			return p.Errf("tests names %s twice", name)
		}
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.File()), path)
		}
		file, err := readCases(name, path)
		if err != nil {
			return p.WrapErr(err)
		}
		p.handler.Tests = append(p.handler.Tests, file)
	}
	if p.handler.Tests == nil {
		return p.Err("tests names no file: write one with cases such as `GET / expect sign_in`")
	}
	return parseEnd(p.Dispenser, "tests")
}

// readCases reads a file of policy tests. name is what messages call it.
func readCases(name, path string) (*CaseFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading policy tests: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading policy tests: %s is no file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading policy tests: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCaseFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading policy tests: %w", err)
	}
	if _, err := parseCases(name, string(text)); err != nil {
		return nil, err
	}
	return &CaseFile{Name: name, Text: string(text)}, nil
}
