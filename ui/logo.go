package ui

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what a logo may be
	_ "image/png"
	"io"
	"math"
	"strconv"
	"strings"
)

// A logo is a picture that was found to be one.
type logo struct {
	data          []byte
	kind          string // media type
	width, height int    // on a page, in pixels
}

const (
	svgType = "image/svg+xml"

	// pictureCSP is for pictures that are opened as pages: an SVG may hold a script.
	pictureCSP = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

	// The room that a page has for a logo, in pixels.
	logoHeight, logoWidth = 32, 192

	// What is larger than this was not made for a page, and takes browsers long.
	maxLogoSide = 2048
)

// readLogo judges a picture by what is in it, and never by what somebody calls it.
// Nothing is no logo.
func readLogo(data []byte) (*logo, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("the picture has %d kB, more than %d: make it smaller, it is shown %d pixels high", len(data)>>10, MaxFile>>10, logoHeight)
	}
	l := &logo{data: data}
	var width, height float64
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")), bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		var c image.Config
		var format string
		c, format, err = image.DecodeConfig(bytes.NewReader(data))
		l.kind, width, height = "image/"+format, float64(c.Width), float64(c.Height)
	case len(data) > 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		l.kind = "image/webp"
		width, height, err = webpSize(data)
	case bytes.Contains(data[:min(len(data), 1024)], []byte("<svg")):
		l.kind = svgType
		width, height, err = svgSize(data)
	default:
		return nil, errors.New("the file is neither PNG, SVG, WebP nor JPEG: save the picture as one of these")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the picture as %s: %w", l.kind, err)
	}
	if !(width > 0 && height > 0) || math.IsInf(width/height, 0) || l.kind != svgType && max(width, height) > maxLogoSide {
		return nil, fmt.Errorf("the picture measures %v by %v: make it at most %d by %d pixels", width, height, maxLogoSide, maxLogoSide)
	}
	if l.kind == "image/png" || l.kind == "image/jpeg" {
		if _, _, err := image.Decode(bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("reading the picture as %s: %w", l.kind, err)
		}
	}
	scale := min(logoHeight/height, logoWidth/width)
	l.width, l.height = max(1, int(math.Round(width*scale))), max(1, int(math.Round(height*scale)))
	return l, nil
}

var extensions = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", svgType: ".svg"}

// asset is the picture as a file of a site. A nil logo has none.
func (l *logo) asset(name string) *asset {
	if l == nil {
		return nil
	}
	a := newAsset(name+extensions[l.kind], l.kind, l.data)
	if l.kind != svgType { // packed already
		a.gzip = nil
	}
	return a
}

var errCutOff = errors.New("it ends too early: save it afresh")

// webpSize reads the size from the first chunk of a WebP file (RFC 9649 section 2).
func webpSize(data []byte) (width, height float64, err error) {
	if len(data) < 30 {
		return 0, 0, errCutOff
	}
	b := data[20:]
	u24 := func(b []byte) float64 { return float64(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16) }
	switch string(data[12:16]) {
	case "VP8X":
		return u24(b[4:]) + 1, u24(b[7:]) + 1, nil
	case "VP8L":
		if b[0] == 0x2f {
			bits := binary.LittleEndian.Uint32(b[1:])
			return float64(bits&0x3fff) + 1, float64(bits>>14&0x3fff) + 1, nil
		}
	case "VP8 ":
		if b[3] == 0x9d && b[4] == 0x01 && b[5] == 0x2a {
			return float64(binary.LittleEndian.Uint16(b[6:]) & 0x3fff), float64(binary.LittleEndian.Uint16(b[8:]) & 0x3fff), nil
		}
	}
	return 0, 0, errors.New("its first part is none that WebP has")
}

// svgSize reads a whole SVG. It is only ever shown through <img>, where nothing in it runs
// and nothing is fetched; one that tries to is refused all the same, since it would not
// look as its maker meant it.
func svgSize(data []byte) (width, height float64, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	first, closed := true, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		switch t := token.(type) {
		case xml.Directive:
			if strings.Contains(strings.ToUpper(string(t)), "ENTITY") {
				return 0, 0, errors.New("it defines entities: export it as plain SVG")
			}
		case xml.EndElement:
			closed++
		case xml.StartElement:
			if first {
				if t.Name.Local != "svg" || t.Name.Space != "http://www.w3.org/2000/svg" {
					return 0, 0, errors.New(`its first element must be <svg xmlns="http://www.w3.org/2000/svg">`)
				}
				width, height = svgBox(t)
				first = false
			}
			if err := checkSVGElement(t); err != nil {
				return 0, 0, err
			}
		}
	}
	if first || closed == 0 {
		return 0, 0, errCutOff
	}
	if width <= 0 || height <= 0 {
		return 0, 0, errors.New(`it does not say how large it is: add a viewBox, such as viewBox="0 0 120 32"`)
	}
	return width, height, nil
}

func svgBox(t xml.StartElement) (width, height float64) {
	for _, a := range t.Attr {
		switch number := strings.TrimSuffix(a.Value, "px"); a.Name.Local {
		case "viewBox":
			box := strings.FieldsFunc(a.Value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
			if len(box) == 4 {
				w, errW := strconv.ParseFloat(box[2], 64)
				h, errH := strconv.ParseFloat(box[3], 64)
				if errW == nil && errH == nil {
					return w, h
				}
			}
		case "width":
			width, _ = strconv.ParseFloat(number, 64)
		case "height":
			height, _ = strconv.ParseFloat(number, 64)
		}
	}
	return width, height
}

func checkSVGElement(t xml.StartElement) error {
	switch name := strings.ToLower(t.Name.Local); name {
	case "script", "foreignobject", "iframe", "embed", "object":
		return fmt.Errorf("it holds <%s>, which pictures must not: remove it", name)
	}
	for _, a := range t.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("it holds the script %s, which pictures must not: remove it", name)
		case name == "href" && !strings.HasPrefix(value, "#") && !strings.HasPrefix(value, "data:image/"):
			return fmt.Errorf("it refers to %q, which browsers do not load for a picture: put everything into the file", shorten(a.Value, 60))
		}
	}
	return nil
}
