// The dashboard, made live. Every page can be read without it.

import "./operator-form.js";
import "./live-figures.js";
