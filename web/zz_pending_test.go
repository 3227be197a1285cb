package web_test

import "testing"

func requirementsBR(t *testing.T)     {}
func requirementsRV(t *testing.T)     {}
func requirementsIN(t *testing.T)     {}
func requirementsMETA(t *testing.T)   {}
func requirementsJAT(t *testing.T)    {}
func requirementsRI(t *testing.T)     {}
func requirementsOI(t *testing.T)     {}
func requirementsPrompt(t *testing.T) {}
func requirementsLO(t *testing.T)     {}
func requirementsNA(t *testing.T)     {}
func requirementsMCP(t *testing.T)    {}
