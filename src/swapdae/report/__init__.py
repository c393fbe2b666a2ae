"""An experiment as one HTML page: sections are pure functions of loaded results, pictures are inline SVG."""
