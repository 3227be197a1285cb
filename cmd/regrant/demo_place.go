package main

import (
	"net"
	"net/http"
	"strconv"
)

// demoPlace is where one party listens.
type demoPlace struct {
	name     string // or address
	port     string
	host     string // name and port
	url      string
	listener net.Listener
	handler  http.Handler
}

// demoAddress is where the demo listens when nobody says where.
const demoAddress = "127.0.0.1:8080"

// freeNear gives addr, or the same host with the first of the next hundred ports that is free.
func freeNear(addr string) string {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return addr
	}
	for next := port; next < port+100; next++ {
		candidate := net.JoinHostPort(host, strconv.Itoa(next))
		if l, err := net.Listen("tcp", candidate); err == nil {
			l.Close()
			return candidate
		}
	}
	return addr
}

// demoListen opens the server's socket where it was asked for, and the others on the next ports that are free.
func demoListen(listen string, places ...*demoPlace) error {
	if err := checkPort("listen", listen); err != nil {
		return err
	}
	host, text, _ := net.SplitHostPort(listen)
	port, err := net.LookupPort("tcp", text)
	if err != nil {
		return usage("listen: %q is not a port", text)
	}
	for i, place := range places {
		if place.listener, err = listenTCP("listen", net.JoinHostPort(host, strconv.Itoa(port))); i > 0 && err != nil {
			place.listener, err = listenTCP("listen", net.JoinHostPort(host, "0"))
		}
		if err != nil {
			return err
		}
		place.name = host
		if _, place.port, err = net.SplitHostPort(place.listener.Addr().String()); err != nil {
			return err
		}
		place.host = net.JoinHostPort(host, place.port)
		place.url = "http://" + place.host
		if port != 0 {
			port++
		}
	}
	return nil
}
