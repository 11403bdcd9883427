#!/usr/bin/env bash
# Lists the dashboard's files anew if one was added, and builds the gateway and both adapters in release mode. One call of `swift build` takes one product.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 scripts/assets.py
for product in nexus OpenAICompat Ollama; do
  swift build --configuration release --product "$product"
done
