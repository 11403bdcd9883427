import Core
import Dialects

/// The models of healthy backends and the operator's other names for them, in the form of the client's API.
struct ModelAnswers {
    let state: GatewayState
    let context: RequestContext

    /// `GET /v1/models`
    var list: LocalAnswer {
        let (views, aliases) = (state.registry.views, state.modelNames.servedAliases)
        guard context.dialect == .anthropic else {
            guard QueryFlags.isSet("per_backend", in: context.query) else {
                return LocalAnswer(body: ContractEncoder.modelList(views, aliases: aliases, scope: context.scope))
            }
            let only = QueryValues(context.query).all.first { $0.name == "backend" }?.value
            return LocalAnswer(
                body: ContractEncoder.modelListPerBackend(
                    only.map { id in views.filter { $0.id == id } } ?? views, aliases: aliases, scope: context.scope,
                    withOthers: QueryFlags.isSet("all", in: context.query)))
        }
        do throws(ClientError) {
            let page = try AnthropicModelPage(QueryValues(context.query).all)
            return LocalAnswer(
                body: try page.body(of: ServedModel.all(views, aliases: aliases, scope: context.scope)))
        } catch {
            return refusal(ErrorBody(error))
        }
    }

    /// `GET /v1/models/{id}`, by any name that a request may have for it.
    func model(_ asked: String) -> LocalAnswer {
        guard asked.utf8.count <= RequestPeek.maximumName else {
            return refusal(ErrorBody(RequestPeekError.modelTooLong(beginning: "")))
        }
        var names = state.modelNames
        names.scope = context.scope
        let name = names.shown(asked)
        guard name.isAllowed else { return refusal(.modelNotAllowed(asked)) }
        guard
            let served = ContractEncoder.servedModel(
                id: name.resolved, alias: name.alias, in: state.registry.views, scope: context.scope)
        else {
            return refusal(.unknownModel(asked, among: names.servedNames))
        }
        return LocalAnswer(
            body: context.dialect == .anthropic ? AnthropicModelPage.body(of: served) : ContractEncoder.model(served))
    }

    private func refusal(_ error: ErrorBody) -> LocalAnswer {
        var answer = LocalAnswer.error(error)
        answer.body = context.dialect.errorBody(error, requestID: context.id)
        return answer
    }
}
