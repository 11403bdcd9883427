#!/usr/bin/env bash
# Builds the gateway and both adapters in release mode. One call of `swift build` takes one product.
set -euo pipefail
cd "$(dirname "$0")/.."
for product in nexus OpenAICompat Ollama; do
  swift build --configuration release --product "$product"
done
