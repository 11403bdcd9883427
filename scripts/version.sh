#!/usr/bin/env bash
# Prints the version of the product, from the one place where it is written.
set -euo pipefail
cd "$(dirname "$0")/.."
sed -n 's/.*version: StaticString = "\(.*\)".*/\1/p' Sources/Product/Product.swift
