import DarisCore
import DarisRuntime
import Testing

@testable import DarisServer

@Suite("Whether requests are taken")
struct AvailabilityTests {
    private let sink = ManualSink()
    private let service = InferenceService(limit: 100)

    /// Serves models without inputs and outputs.
    private func serve(_ names: [String]) -> [ServedModel] {
        let models = names.map { name in
            ServedModel(
                name: name, signature: ModelSignature(inputs: [], outputs: []),
                own: RequestQueue(
                    name: name, task: 0, instances: 1, priority: .high, deadline: .seconds(Int64(100)), limit: 10,
                    sink: sink), other: nil)
        }
        service.serve(models, on: sink)
        return models
    }

    /// Has a client ask for a model.
    private func ask(_ client: String, _ model: String = "net") -> Task<InferenceError?, Never> {
        let tag = RequestTag(id: nil, traceParent: nil, client: .address(client))
        return Task { [service] in
            await RequestTag.$current.withValue(tag) {
                do throws(InferenceError) {
                    _ = try await service.infer(InferenceRequest(model: model))
                    return nil
                } catch {
                    return error
                }
            }
        }
    }

    private func waitUntilRunning(_ count: Int) async {
        while sink.running < count { await Task.yield() }
    }

    private func crash(_ client: String, _ model: String = "net") async -> InferenceError? {
        let asked = ask(client, model)
        await waitUntilRunning(1)
        sink.finishFirst(.failure(.crashed(others: 0, message: "killed by signal 8")))
        return await asked.value
    }

    @Test("a server all of whose contexts are lost is not ready, nor are its models, until one is back")
    func contexts() async throws {
        #expect(!service.isReady && service.obstacle == .loading(LoadProgress()))
        let model = serve(["net"])[0]
        #expect(service.isReady && service.unavailability(of: model) == nil)
        sink.state.withLock { $0.canRun = false }
        #expect(!service.isReady && service.obstacle == .everyContextLost)
        #expect(service.unavailability(of: model)?.contains("every context is lost") == true)
        let entry = try #require(service.index(isReadyOnly: false).first)
        #expect(entry.state == "UNAVAILABLE" && entry.reason.contains("every context is lost"))
        #expect(service.index(isReadyOnly: true).isEmpty)
        let refusal = await ask("a").value
        #expect(refusal?.refusal == .everyContextLost && refusal?.retryAfter != nil)
        sink.state.withLock { $0.canRun = true }
        #expect(service.isReady && service.index(isReadyOnly: true).map(\.state) == ["READY"])
        service.announceEnd()
        #expect(!service.isReady && service.unreadiness == .ending && service.obstacle == nil)
        #expect(service.unavailability(of: model) == "the server is ending")
        service.drain()
        #expect(!service.isReady && service.obstacle == .ending)
    }

    @Test("while models are loaded it is said how far that is, and there are no others")
    func loading() async throws {
        service.expect(["net", "other"])
        service.isLoading(2, of: 7)
        service.isLoading("cutting net into 4 stages")
        #expect(service.obstacle?.description == "loading 2 of 7 models: cutting net into 4 stages")
        service.isLoading("reading /home/secret/net.onnx")
        #expect(service.obstacle?.description == "loading 2 of 7 models")
        #expect(service.index(isReadyOnly: false).map(\.name) == ["net", "other"])
        #expect(service.index(isReadyOnly: false).map(\.state) == ["LOADING", "LOADING"])
        #expect(service.index(isReadyOnly: true).isEmpty)
        let refusal = await ask("a").value
        #expect(refusal?.status == .serviceUnavailable && refusal?.retryAfter == .seconds(Int64(1)))
        #expect(await ask("a", "third").value?.kind == .notFound)
        _ = serve(["net"])
        #expect(service.isReady && service.index(isReadyOnly: true).map(\.name) == ["net"])
        let asked = ask("a")
        await waitUntilRunning(1)
        sink.finishFirst()
        #expect(await asked.value == nil)
    }

    @Test("a server that is told to end while it loads is ending")
    func endedWhileLoading() {
        service.expect(["net"])
        service.drain()
        #expect(service.obstacle == .ending && !service.isLoaded)
    }

    @Test("a client that crashes workers three times is forbidden the model; other clients and models go on")
    func client() async throws {
        let model = serve(["net", "other"])[0]
        for _ in 0..<3 { #expect(await crash("mallory")?.kind == .failed) }
        let refusal = try #require(await ask("mallory").value)
        #expect(refusal.kind == .forbidden && refusal.status == .forbidden && refusal.retryAfter == .seconds(Int64(60)))
        #expect(refusal.message.contains("this client (mallory)") && refusal.message.contains("60 s"))
        #expect(service.unavailability(of: model) == nil && service.isReady)
        for (client, name) in [("alice", "net"), ("mallory", "other")] {
            let asked = ask(client, name)
            await waitUntilRunning(1)
            sink.finishFirst()
            #expect(await asked.value == nil)
        }
        // Loading a model forgives nothing: where there are no tokens anybody may do that.
        model.isReady = true
        #expect(await ask("mallory").value?.kind == .forbidden)
    }

    @Test("a model that requests of several clients crash is unavailable, and says so")
    func model() async throws {
        let model = serve(["net", "other"])[0]
        for client in ["a", "b", "c"] { #expect(await crash(client)?.kind == .failed) }
        let refusal = try #require(await ask("d").value)
        #expect(refusal.refusal != nil && refusal.message.contains("requests of several clients"))
        #expect(service.unavailability(of: model)?.contains("60 s more") == true)
        #expect(service.index(isReadyOnly: false).map(\.state) == ["UNAVAILABLE", "READY"])
        #expect(service.isReady)
        sink.advance(milliseconds: 60_000)
        #expect(service.index(isReadyOnly: true).count == 2)
    }

    @Test("requests of a refused client that wait already are not run any more")
    func waiting() async {
        _ = serve(["net"])
        let asked = (0..<6).map { _ in ask("mallory") }
        for _ in 0..<3 {
            await waitUntilRunning(1)
            sink.finishFirst(.failure(.crashed(others: 0, message: "killed by signal 8")))
        }
        var kinds: [InferenceError.Kind?] = []
        for task in asked { kinds.append(await task.value?.kind) }
        #expect(kinds.filter { $0 == .failed }.count == 3 && kinds.filter { $0 == .forbidden }.count == 3)
        #expect(sink.state.withLock { $0.submitted } == 3)
    }
}
