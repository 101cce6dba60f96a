// Package report turns what was measured into something to look at: a page of HTML that needs nothing from elsewhere, a JSON file for
// programs, and a short table for the terminal.
//
// A Report is a list of sections; a Section is one kind of measurement with its figures (each with the number of pictures and its
// interval), charts and pictures. A Cache keeps finished sections, so that a report that was stopped goes on where it was.
package report
