/* Written by scripts/assets.py. */
#include "dashboard_assets.h"

static const unsigned char action_fields_js[] = {
#embed "../../../dashboard/action-fields.js"
};
static const unsigned char action_form_js[] = {
#embed "../../../dashboard/action-form.js"
};
static const unsigned char action_runs_js[] = {
#embed "../../../dashboard/action-runs.js"
};
static const unsigned char api_js[] = {
#embed "../../../dashboard/api.js"
};
static const unsigned char backend_dialogs_js[] = {
#embed "../../../dashboard/backend-dialogs.js"
};
static const unsigned char confirm_js[] = {
#embed "../../../dashboard/confirm.js"
};
static const unsigned char connect_texts_js[] = {
#embed "../../../dashboard/connect-texts.js"
};
static const unsigned char connection_js[] = {
#embed "../../../dashboard/connection.js"
};
static const unsigned char consequences_js[] = {
#embed "../../../dashboard/consequences.js"
};
static const unsigned char dashboard_js[] = {
#embed "../../../dashboard/dashboard.js"
};
static const unsigned char dialog_js[] = {
#embed "../../../dashboard/dialog.js"
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
static const unsigned char event_stream_js[] = {
#embed "../../../dashboard/event-stream.js"
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
static const unsigned char history_filter_js[] = {
#embed "../../../dashboard/history-filter.js"
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
static const unsigned char log_lines_js[] = {
#embed "../../../dashboard/log-lines.js"
};
static const unsigned char model_rows_js[] = {
#embed "../../../dashboard/model-rows.js"
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
static const unsigned char playground_lane_js[] = {
#embed "../../../dashboard/playground-lane.js"
};
static const unsigned char playground_request_js[] = {
#embed "../../../dashboard/playground-request.js"
};
static const unsigned char plot_changes_js[] = {
#embed "../../../dashboard/plot-changes.js"
};
static const unsigned char plot_cursor_js[] = {
#embed "../../../dashboard/plot-cursor.js"
};
static const unsigned char plot_data_js[] = {
#embed "../../../dashboard/plot-data.js"
};
static const unsigned char plot_drawing_js[] = {
#embed "../../../dashboard/plot-drawing.js"
};
static const unsigned char plot_paths_js[] = {
#embed "../../../dashboard/plot-paths.js"
};
static const unsigned char plot_scale_js[] = {
#embed "../../../dashboard/plot-scale.js"
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
static const unsigned char tools_css[] = {
#embed "../../../dashboard/tools.css"
};
static const unsigned char tools_js[] = {
#embed "../../../dashboard/tools.js"
};
static const unsigned char trouble_news_js[] = {
#embed "../../../dashboard/trouble-news.js"
};
static const unsigned char updates_js[] = {
#embed "../../../dashboard/updates.js"
};
static const unsigned char view_connect_js[] = {
#embed "../../../dashboard/view-connect.js"
};
static const unsigned char view_gateway_js[] = {
#embed "../../../dashboard/view-gateway.js"
};
static const unsigned char view_history_css[] = {
#embed "../../../dashboard/view-history.css"
};
static const unsigned char view_history_js[] = {
#embed "../../../dashboard/view-history.js"
};
static const unsigned char view_models_js[] = {
#embed "../../../dashboard/view-models.js"
};
static const unsigned char view_playground_js[] = {
#embed "../../../dashboard/view-playground.js"
};
static const unsigned char view_plots_css[] = {
#embed "../../../dashboard/view-plots.css"
};
static const unsigned char view_plots_js[] = {
#embed "../../../dashboard/view-plots.js"
};
static const unsigned char views_js[] = {
#embed "../../../dashboard/views.js"
};
static const unsigned char watch_js[] = {
#embed "../../../dashboard/watch.js"
};
static const unsigned char watched_text_js[] = {
#embed "../../../dashboard/watched-text.js"
};

static const nexus_asset assets[] = {
    {"action-fields.js", action_fields_js, sizeof action_fields_js},
    {"action-form.js", action_form_js, sizeof action_form_js},
    {"action-runs.js", action_runs_js, sizeof action_runs_js},
    {"api.js", api_js, sizeof api_js},
    {"backend-dialogs.js", backend_dialogs_js, sizeof backend_dialogs_js},
    {"confirm.js", confirm_js, sizeof confirm_js},
    {"connect-texts.js", connect_texts_js, sizeof connect_texts_js},
    {"connection.js", connection_js, sizeof connection_js},
    {"consequences.js", consequences_js, sizeof consequences_js},
    {"dashboard.js", dashboard_js, sizeof dashboard_js},
    {"dialog.js", dialog_js, sizeof dialog_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"drawer-backend.js", drawer_backend_js, sizeof drawer_backend_js},
    {"drawer-request.js", drawer_request_js, sizeof drawer_request_js},
    {"event-stream.js", event_stream_js, sizeof event_stream_js},
    {"favicon.ico", favicon_ico, sizeof favicon_ico},
    {"figures.js", figures_js, sizeof figures_js},
    {"fragment.js", fragment_js, sizeof fragment_js},
    {"history-filter.js", history_filter_js, sizeof history_filter_js},
    {"index.html", index_html, sizeof index_html},
    {"keys.js", keys_js, sizeof keys_js},
    {"live.js", live_js, sizeof live_js},
    {"log-lines.js", log_lines_js, sizeof log_lines_js},
    {"model-rows.js", model_rows_js, sizeof model_rows_js},
    {"morph.js", morph_js, sizeof morph_js},
    {"notices.js", notices_js, sizeof notices_js},
    {"overview.js", overview_js, sizeof overview_js},
    {"playground-lane.js", playground_lane_js, sizeof playground_lane_js},
    {"playground-request.js", playground_request_js, sizeof playground_request_js},
    {"plot-changes.js", plot_changes_js, sizeof plot_changes_js},
    {"plot-cursor.js", plot_cursor_js, sizeof plot_cursor_js},
    {"plot-data.js", plot_data_js, sizeof plot_data_js},
    {"plot-drawing.js", plot_drawing_js, sizeof plot_drawing_js},
    {"plot-paths.js", plot_paths_js, sizeof plot_paths_js},
    {"plot-scale.js", plot_scale_js, sizeof plot_scale_js},
    {"refresher.js", refresher_js, sizeof refresher_js},
    {"robots.txt", robots_txt, sizeof robots_txt},
    {"status.js", status_js, sizeof status_js},
    {"styles.css", styles_css, sizeof styles_css},
    {"timeline.js", timeline_js, sizeof timeline_js},
    {"times.js", times_js, sizeof times_js},
    {"tools.css", tools_css, sizeof tools_css},
    {"tools.js", tools_js, sizeof tools_js},
    {"trouble-news.js", trouble_news_js, sizeof trouble_news_js},
    {"updates.js", updates_js, sizeof updates_js},
    {"view-connect.js", view_connect_js, sizeof view_connect_js},
    {"view-gateway.js", view_gateway_js, sizeof view_gateway_js},
    {"view-history.css", view_history_css, sizeof view_history_css},
    {"view-history.js", view_history_js, sizeof view_history_js},
    {"view-models.js", view_models_js, sizeof view_models_js},
    {"view-playground.js", view_playground_js, sizeof view_playground_js},
    {"view-plots.css", view_plots_css, sizeof view_plots_css},
    {"view-plots.js", view_plots_js, sizeof view_plots_js},
    {"views.js", views_js, sizeof views_js},
    {"watch.js", watch_js, sizeof watch_js},
    {"watched-text.js", watched_text_js, sizeof watched_text_js},
};

size_t nexus_asset_count(void) { return sizeof assets / sizeof *assets; }
nexus_asset nexus_asset_at(size_t index) { return assets[index]; }
