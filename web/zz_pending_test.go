package web_test

import "testing"

func requirementsOI(t *testing.T)     {}
func requirementsPrompt(t *testing.T) {}
func requirementsLO(t *testing.T)     {}
func requirementsNA(t *testing.T)     {}
func requirementsMCP(t *testing.T)    {}
