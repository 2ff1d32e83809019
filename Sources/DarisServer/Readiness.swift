import DarisConfiguration
import Synchronization

/// Says once that all that is to be listened on is.
final class Readiness: Sendable {
    private struct State {
        var http: ServeSettings.Address?
        var grpc: ServeSettings.Address?
        var isHTTPOpen: Bool
        var isGRPCOpen: Bool
    }

    private let state: Mutex<State>
    private let call: @Sendable (ServeSettings.Address?, ServeSettings.Address?) -> Void

    init(
        _ settings: ServeSettings, _ call: @escaping @Sendable (ServeSettings.Address?, ServeSettings.Address?) -> Void
    ) {
        self.call = call
        state = Mutex(
            State(
                http: settings.http, grpc: settings.grpc, isHTTPOpen: settings.http == nil,
                isGRPCOpen: settings.grpc == nil))
    }

    /// HTTP is listened on, at this port.
    func http(_ port: Int?) {
        tell { state in
            state.isHTTPOpen = true
            if let port { state.http?.port = port }
        }
    }

    /// gRPC is listened on, at this port.
    func grpc(_ port: Int?) {
        tell { state in
            state.isGRPCOpen = true
            if let port { state.grpc?.port = port }
        }
    }

    private func tell(_ change: (inout State) -> Void) {
        let both: (ServeSettings.Address?, ServeSettings.Address?)? = state.withLock { state in
            change(&state)
            return state.isHTTPOpen && state.isGRPCOpen ? (state.http, state.grpc) : nil
        }
        if let both { call(both.0, both.1) }
    }
}
