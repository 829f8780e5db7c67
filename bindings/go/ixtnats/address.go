package ixtnats

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// address is what a URL says. It is a [net.Addr] of the servers alone: who connects is not shown.
type address struct {
	// servers are nats://host:port.
	servers []string
	// A user, or a token: a user without a password.
	user, password, token string
	// creds is a file.
	creds string
}

// Network is "nats".
func (a *address) Network() string { return "nats" }

// String is the URL, without user, password and credentials.
func (a *address) String() string {
	return "nats://" + strings.ReplaceAll(strings.Join(a.servers, ","), "nats://", "")
}

// parse reads nats://[user[:password]@]host[:port][,host[:port]…][?creds=FILE]. By the rules of package url several
// hosts are no URL.
func parse(text string) (*address, error) {
	wrong := &sdk.Error{Kind: sdk.ErrInvalidArgument, Field: "url", Offset: -1}
	rest, found := strings.CutPrefix(text, "nats://")
	if !found || strings.ContainsAny(rest, "# \t\r\n") {
		return nil, wrong
	}
	rest, query, asks := strings.Cut(rest, "?")
	a := &address{}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, both := strings.Cut(rest[:at], ":")
		var err, err2 error
		a.user, err = url.PathUnescape(user)
		a.password, err2 = url.PathUnescape(password)
		if err != nil || err2 != nil || a.user == "" {
			return nil, wrong
		}
		if !both {
			a.user, a.token = "", a.user
		}
		rest = rest[at+1:]
	}
	for _, host := range strings.Split(strings.TrimRight(rest, "/"), ",") {
		server, ok := server(host)
		if !ok {
			return nil, wrong
		}
		a.servers = append(a.servers, "nats://"+server)
	}
	if asks {
		file, found := strings.CutPrefix(query, "creds=")
		creds, err := url.PathUnescape(file)
		if !found || err != nil || creds == "" || strings.Contains(file, "&") {
			return nil, wrong
		}
		a.creds = creds
	}
	return a, nil
}

// server is host:port of one host.
func server(host string) (string, bool) {
	port := "4222"
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", false
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		if !found || net.ParseIP(inner) == nil {
			return "", false
		}
		return net.JoinHostPort(inner, port), true
	}
	if host == "" || strings.ContainsAny(host, "[]:/@%") {
		return "", false
	}
	return host + ":" + port, true
}
