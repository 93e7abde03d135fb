"""Evaluates the formulas of a schedule with Tcl, which users know from the window of this program."""
import tkinter

tcl = tkinter.Tcl()
tcl.eval("proc double {x} {expr {$x * 2}}")
total = sum(int(tcl.eval(f"double {hours}")) for hours in (3, 4, 5))
print("total of the schedule:", total)
