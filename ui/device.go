package ui

import "strings"

// browsers and systems are what a User-Agent is searched for. Order matters: most
// browsers also claim to be Chrome and Safari, and Android claims to be Linux.
var (
	browsers = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"}, {"Version/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"CrOS", "ChromeOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	}
)

// device names browser and system in our own words; what cannot be told is empty.
// The User-Agent itself goes nowhere: it is the client's text.
func device(userAgent string) (browser, system string) {
	if len(userAgent) > 1024 {
		return "", ""
	}
	return firstOf(browsers, userAgent), firstOf(systems, userAgent)
}

func firstOf(list [][2]string, s string) string {
	for _, entry := range list {
		if strings.Contains(s, entry[0]) {
			return entry[1]
		}
	}
	return ""
}
