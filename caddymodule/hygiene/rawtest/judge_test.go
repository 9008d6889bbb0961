package rawtest

import "testing"

func TestTheJudgeKnowsWhatServersReadAsProtected(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/admin", "/ADMIN/", "//admin", "/x/../admin", "/admin/../x", "/x/%2e%2e/admin", "/%2561dmin", "/%u0061dmin", "/x/..;/admin", "/admin;x", `/x\..\admin`,
		"/admin%00", "/admin%20/x", "/admin.", "/admin::$DATA", "/admin%2fx", "/%c1%a1dmin", "/%EF%BD%81dmin", "/adm%C4%B1n", "/admin%23", "/admin#/x", "http:admin", "http://h/admin", "admin",
	} {
		if protected(target) == "" {
			t.Errorf("%q passes", target)
		}
	}
	for _, target := range []string{"/", "/administration", "/x/admin", "/a?x=/admin", "/a?/../admin", "/admi", "/public.admin"} {
		if reading := protected(target); reading != "" {
			t.Errorf("%q reads as %q", target, reading)
		}
	}
}
