#include "dashboard_assets.h"

static const unsigned char index_html[] = {
#embed "../../../dashboard/index.html"
};
static const unsigned char styles_css[] = {
#embed "../../../dashboard/styles.css"
};
static const unsigned char dashboard_js[] = {
#embed "../../../dashboard/dashboard.js"
};
static const unsigned char state_js[] = {
#embed "../../../dashboard/state.js"
};
static const unsigned char connection_js[] = {
#embed "../../../dashboard/connection.js"
};
static const unsigned char live_js[] = {
#embed "../../../dashboard/live.js"
};
static const unsigned char render_js[] = {
#embed "../../../dashboard/render.js"
};
static const unsigned char render_backends_js[] = {
#embed "../../../dashboard/render-backends.js"
};
static const unsigned char render_models_js[] = {
#embed "../../../dashboard/render-models.js"
};
static const unsigned char render_history_js[] = {
#embed "../../../dashboard/render-history.js"
};
static const unsigned char dom_js[] = {
#embed "../../../dashboard/dom.js"
};
static const unsigned char format_js[] = {
#embed "../../../dashboard/format.js"
};
static const unsigned char favicon_ico[] = {
#embed "../../../dashboard/favicon.ico"
};
static const unsigned char robots_txt[] = {
#embed "../../../dashboard/robots.txt"
};

static const nexus_asset assets[] = {
    {"index.html", index_html, sizeof index_html},
    {"styles.css", styles_css, sizeof styles_css},
    {"dashboard.js", dashboard_js, sizeof dashboard_js},
    {"state.js", state_js, sizeof state_js},
    {"connection.js", connection_js, sizeof connection_js},
    {"live.js", live_js, sizeof live_js},
    {"render.js", render_js, sizeof render_js},
    {"render-backends.js", render_backends_js, sizeof render_backends_js},
    {"render-models.js", render_models_js, sizeof render_models_js},
    {"render-history.js", render_history_js, sizeof render_history_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"format.js", format_js, sizeof format_js},
    {"favicon.ico", favicon_ico, sizeof favicon_ico},
    {"robots.txt", robots_txt, sizeof robots_txt},
};

size_t nexus_asset_count(void) { return sizeof assets / sizeof *assets; }
nexus_asset nexus_asset_at(size_t index) { return assets[index]; }
