#!/bin/sh
# reconnectwm.sh - nothing to do when a session is attached again.
