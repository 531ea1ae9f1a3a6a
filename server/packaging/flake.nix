# Untested: it was written without Nix at hand.
{
  description = "A language server for searching code by meaning";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs = { nixpkgs, ... }: {
    packages = nixpkgs.lib.genAttrs nixpkgs.lib.systems.flakeExposed (system:
      let python = nixpkgs.legacyPackages.${system}.python3Packages;
      in {
        default = python.buildPythonApplication {
          pname = "semls";
          version = "0.1.0";
          pyproject = true;
          src = ../..;
          build-system = [ python.hatchling ];
          pythonRelaxDeps = true;
          dependencies = with python; [
            anyio
            charset-normalizer
            chromadb
            click
            filelock
            h11
            httpx
            huggingface-hub
            lsprotocol
            numpy
            orjson
            packaging
            platformdirs
            pydantic
            pygls
            pygments
            pystemmer
            rich
            safetensors
            starlette
            tokenizers
            torch
            tqdm
            transformers
            tree-sitter
            tree-sitter-language-pack
            uvicorn
            watchfiles
          ];
          meta.mainProgram = "semls";
        };
      });
  };
}
