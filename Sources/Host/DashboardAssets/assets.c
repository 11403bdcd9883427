/* Written by scripts/assets.py. */
#include "dashboard_assets.h"

static const unsigned char api_js[] = {
#embed "../../../dashboard/api.js"
};
static const unsigned char confirm_js[] = {
#embed "../../../dashboard/confirm.js"
};
static const unsigned char connection_js[] = {
#embed "../../../dashboard/connection.js"
};
static const unsigned char dashboard_js[] = {
#embed "../../../dashboard/dashboard.js"
};
static const unsigned char dom_js[] = {
#embed "../../../dashboard/dom.js"
};
static const unsigned char drawer_backend_js[] = {
#embed "../../../dashboard/drawer-backend.js"
};
static const unsigned char drawer_request_js[] = {
#embed "../../../dashboard/drawer-request.js"
};
static const unsigned char favicon_ico[] = {
#embed "../../../dashboard/favicon.ico"
};
static const unsigned char figures_js[] = {
#embed "../../../dashboard/figures.js"
};
static const unsigned char fragment_js[] = {
#embed "../../../dashboard/fragment.js"
};
static const unsigned char index_html[] = {
#embed "../../../dashboard/index.html"
};
static const unsigned char keys_js[] = {
#embed "../../../dashboard/keys.js"
};
static const unsigned char live_js[] = {
#embed "../../../dashboard/live.js"
};
static const unsigned char morph_js[] = {
#embed "../../../dashboard/morph.js"
};
static const unsigned char notices_js[] = {
#embed "../../../dashboard/notices.js"
};
static const unsigned char overview_js[] = {
#embed "../../../dashboard/overview.js"
};
static const unsigned char refresher_js[] = {
#embed "../../../dashboard/refresher.js"
};
static const unsigned char robots_txt[] = {
#embed "../../../dashboard/robots.txt"
};
static const unsigned char status_js[] = {
#embed "../../../dashboard/status.js"
};
static const unsigned char styles_css[] = {
#embed "../../../dashboard/styles.css"
};
static const unsigned char timeline_js[] = {
#embed "../../../dashboard/timeline.js"
};
static const unsigned char times_js[] = {
#embed "../../../dashboard/times.js"
};
static const unsigned char updates_js[] = {
#embed "../../../dashboard/updates.js"
};
static const unsigned char view_history_css[] = {
#embed "../../../dashboard/view-history.css"
};
static const unsigned char view_history_js[] = {
#embed "../../../dashboard/view-history.js"
};
static const unsigned char views_js[] = {
#embed "../../../dashboard/views.js"
};

static const nexus_asset assets[] = {
    {"api.js", api_js, sizeof api_js},
    {"confirm.js", confirm_js, sizeof confirm_js},
    {"connection.js", connection_js, sizeof connection_js},
    {"dashboard.js", dashboard_js, sizeof dashboard_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"drawer-backend.js", drawer_backend_js, sizeof drawer_backend_js},
    {"drawer-request.js", drawer_request_js, sizeof drawer_request_js},
    {"favicon.ico", favicon_ico, sizeof favicon_ico},
    {"figures.js", figures_js, sizeof figures_js},
    {"fragment.js", fragment_js, sizeof fragment_js},
    {"index.html", index_html, sizeof index_html},
    {"keys.js", keys_js, sizeof keys_js},
    {"live.js", live_js, sizeof live_js},
    {"morph.js", morph_js, sizeof morph_js},
    {"notices.js", notices_js, sizeof notices_js},
    {"overview.js", overview_js, sizeof overview_js},
    {"refresher.js", refresher_js, sizeof refresher_js},
    {"robots.txt", robots_txt, sizeof robots_txt},
    {"status.js", status_js, sizeof status_js},
    {"styles.css", styles_css, sizeof styles_css},
    {"timeline.js", timeline_js, sizeof timeline_js},
    {"times.js", times_js, sizeof times_js},
    {"updates.js", updates_js, sizeof updates_js},
    {"view-history.css", view_history_css, sizeof view_history_css},
    {"view-history.js", view_history_js, sizeof view_history_js},
    {"views.js", views_js, sizeof views_js},
};

size_t nexus_asset_count(void) { return sizeof assets / sizeof *assets; }
nexus_asset nexus_asset_at(size_t index) { return assets[index]; }
