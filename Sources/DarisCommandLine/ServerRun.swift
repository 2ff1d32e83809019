import DarisServer
import Dispatch
import Foundation
import Synchronization

/// A server that runs beside the command which loads its models.
///
/// Until the command takes over (`handOver`), the end of the server is that of the process: models that are half loaded keep it
/// from no end.
final class ServerRun: Sendable {
    private enum Phase {
        case loading
        /// The command waits for the end.
        case handedOver
        /// Nothing more is to be said: the command has failed.
        case cancelled
    }

    private struct State {
        var phase = Phase.loading
        var places: String?
        var result: Result<Int, any Error>?
    }

    private let state = Mutex(State())
    private let server: InferenceServer
    /// Signalled when the server listens, and when it has ended.
    private let news = DispatchSemaphore(value: 0)

    /// Starts a server, and waits until it listens.
    ///
    /// - Throws: `Failure` if it cannot.
    init(_ server: InferenceServer) throws(Failure) {
        self.server = server
        Task.detached { [self] in
            let result: Result<Int, any Error>
            do {
                result = .success(
                    try await server.run { listeners in
                        let places = [
                            listeners.http.map { "http://\($0)" }, listeners.grpc.map { "grpc://\($0)" },
                        ].compactMap(\.self)
                        if let address = listeners.metrics { Terminal.error("metrics: http://\(address)/metrics") }
                        self.state.withLock { $0.places = places.joined(separator: ", ") }
                        self.news.signal()
                    })
            } catch {
                result = .failure(error)
            }
            ended(result)
        }
        news.wait()
        if case .failure(let error) = state.withLock({ $0.result }) { throw Failure.failed(error) }
    }

    /// The addresses that are listened on.
    var places: String { state.withLock { $0.places ?? "" } }

    private func ended(_ result: Result<Int, any Error>) {
        let endsProcess = state.withLock { state in
            state.result = result
            // A server that could not listen is told of by `init`.
            return state.phase == .loading && state.places != nil
        }
        news.signal()
        guard endsProcess else { return }
        // The command's own thread is loading models: nothing waits for that, and nothing of it is to be tidied up.
        let code: Int32
        switch result {
        case .success: code = 0
        case .failure(let error):
            Terminal.error("error: \(error)")
            code = 1
        }
        Terminal.errors.flush(within: 1, isLast: true)
        _exit(code)
    }

    /// Leaves the server's end to the command: everything is loaded.
    func handOver() { state.withLock { $0.phase = .handedOver } }

    /// Ends the server, since there will be nothing to serve.
    func cancel() {
        state.withLock { $0.phase = .cancelled }
        server.end()
        _ = wait()
    }

    /// Waits for the server's end.
    ///
    /// - Returns: how many requests were left unanswered.
    func wait() -> Result<Int, any Error> {
        while true {
            if let result = state.withLock({ $0.result }) { return result }
            news.wait()
        }
    }
}
