"""From files and words on the command line to plain, checked settings; the only home of Hydra and YAML."""
