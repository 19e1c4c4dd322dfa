// What every page of the shop has.

import "./announce.js";
import "./cart-link.js";
import "./stock-check.js";
import "./stock-note.js";
import "./add-to-cart.js";
